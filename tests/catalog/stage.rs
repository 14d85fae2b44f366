//! A judge that goes by a real server's catalog, without a session around it.

use std::sync::Arc;
use std::time::Duration;

use pgsluice::gate::judge::{Circumstances, Grounds, Judge, Knowledge, Learned};
use pgsluice::gate::policy::BuiltIn;
use pgsluice::gate::{Policy, Ruling, Subject};
use pgsluice::host::catalog::{Catalogs, Seat, View};
use pgsluice::host::link::{Connector, Minor};
use pgsluice::host::secret::Secret;
use pgsluice::host::stream::Keepalive;
use pgsluice::host::upstream::{ChannelBinding, Credential, Host, Roots, SslMode, TargetSession, Upstream, UpstreamTls};
use pgsluice::session::asking::{Message, Parameters};
use zeroize::Zeroizing;

use crate::support::Cluster;

pub struct Stage {
    pub judge: Judge,
    catalogs: Catalogs,
    seat: Seat,
    connector: Connector,
    credential: Credential,
    pub database: String,
    /// How often something was asked for.
    pub asked: usize,
}

#[derive(Debug)]
pub struct Judged {
    pub word: &'static str,
    pub grounds: Arc<Grounds>,
}

impl Stage {
    pub fn new(cluster: &Cluster, database: &str, user: &str, password: &str) -> Self {
        let credential = Credential { user: user.to_owned(), password: Some(Secret::new(password)) };
        let upstream = Upstream {
            hosts: vec![Host::Tcp { name: "127.0.0.1".into(), port: cluster.port() }],
            database: database.to_owned(),
            credential: credential.clone(),
            tls: UpstreamTls {
                mode: SslMode::Disable,
                roots: Roots::Platform,
                client_certificate: None,
                direct: false,
                channel_binding: ChannelBinding::Prefer,
            },
            target_session: TargetSession::Any,
            connect_timeout: Duration::from_secs(10),
        };
        let connector = Connector::load(Arc::new(upstream), Keepalive::default(), Minor::Zero).unwrap();
        let policy = Policy::built_in(BuiltIn::Default);
        let judge = Judge::new(Arc::new(Subject::default()), policy, Knowledge::Missing, Default::default());
        let (catalogs, seat) = (Catalogs::default(), Seat::default());
        Self { judge, catalogs, seat, connector, credential, database: database.to_owned(), asked: 0 }
    }

    pub fn changed(&self) {
        self.catalogs.changed();
    }

    /// As a session does at each wake-up.
    pub fn refresh(&mut self) {
        self.judge.knowledge = self.view().knowledge().unwrap_or(Knowledge::Missing);
    }

    fn view(&self) -> View<'_> {
        View {
            catalogs: &self.catalogs,
            seat: &self.seat,
            connector: &self.connector,
            credential: &self.credential,
            database: &self.database,
        }
    }

    pub async fn judge(&mut self, sql: &str, path: &str) -> Judged {
        self.judge_message(Message::Query(Zeroizing::new(sql.as_bytes().to_vec())), path).await
    }

    pub async fn judge_bound(&mut self, sql: &str, values: &[Option<&str>], path: &str) -> Judged {
        let values = values.iter().map(|value| value.map(|value| Zeroizing::new(value.as_bytes().to_vec()))).collect();
        let bind = Parameters { formats: Box::default(), values };
        self.judge_message(Message::Extended { sql: Zeroizing::new(sql.as_bytes().to_vec()), types: Box::default(), bind }, path).await
    }

    async fn judge_message(&mut self, message: Message, path: &str) -> Judged {
        self.refresh();
        let facts = self.judge.read(message.sql());
        let paths = [Box::from(path)];
        let paths = if path.is_empty() { &[][..] } else { &paths[..] };
        let mut learned: Option<Learned> = None;
        loop {
            let circumstances = Circumstances { paths, learned: learned.as_ref(), ..Circumstances::default() };
            match self.judge.judge(&facts, &circumstances) {
                Ruling::Allow(_, grounds) => return Judged { word: "allow", grounds },
                Ruling::Hold(grounds) => return Judged { word: "hold", grounds },
                Ruling::Deny(grounds) => return Judged { word: "deny", grounds },
                Ruling::Learn(need) => {
                    assert!(learned.is_none(), "it asks again");
                    self.asked += 1;
                    let learning = self.view().learn(need, message.clone());
                    let (knowledge, found) = learning.await;
                    self.judge.knowledge = knowledge.unwrap();
                    learned = Some(found);
                }
            }
        }
    }
}
