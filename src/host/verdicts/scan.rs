//! Looks at all tables and views of a database at once, for people who want to know what is in it before any agent does. Nothing is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::look::Eye;
use super::{Known, Means, catalogued, seconds};
use crate::gate::catalog::Catalog;
use crate::host::catalog::load;
use crate::host::catalog::side::{Side, SideError};
use crate::host::link::{Connector, Request};
use crate::host::upstream::Credential;

/// Relations of one database that are looked at.
const MOST: usize = 20_000;
/// Relations that are asked about at once.
const SHARE: usize = 8;
/// Looking at so many takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is told while it goes on: of how many relations how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

pub async fn scan(
    connector: &Connector,
    credential: &Credential,
    database: &str,
    means: &Means,
    progress: Progress<'_>,
) -> Result<Vec<Known>, SideError> {
    let mut side = connect(connector, credential, database).await?;
    let catalog = Arc::new(load(&mut side).await?.finish(1));
    let relations = relations(&mut side).await?;
    let role: Arc<str> = credential.user.as_str().into();
    let mut found = Vec::with_capacity(relations.len());
    for some in relations.chunks(SHARE) {
        let looked = timeout(PATIENCE, look(&mut side, &role, means, &catalog, some, &mut found)).await.unwrap_or(Err(SideError::TimedOut));
        match looked {
            Ok(()) => {}
            // One of them was too much.
            Err(SideError::TooMuch) => side = connect(connector, credential, database).await?,
            Err(error) => return Err(error),
        }
        progress(found.len(), relations.len());
    }
    found.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
    Ok(found)
}

async fn connect(connector: &Connector, credential: &Credential, database: &str) -> Result<Side, SideError> {
    let parameters = [("application_name".to_owned(), "pgsluice".to_owned()), ("client_encoding".to_owned(), "UTF8".to_owned())];
    Ok(Side::new(connector.connect(Request { credential, database, parameters: &parameters }).await?))
}

async fn look(
    side: &mut Side,
    role: &Arc<str>,
    means: &Means,
    catalog: &Catalog,
    some: &[u32],
    found: &mut Vec<Known>,
) -> Result<(), SideError> {
    let until = Instant::now() + PATIENCE;
    let eye = Eye { role, detectors: &means.detectors, policy: &means.policy, catalog: Some(catalog), now: seconds(), brief: false, until };
    eye.look(side, some, |_, known| found.push(known)).await.map(drop)
}

/// Tables and views that users made; what is a partition is looked at with the whole.
async fn relations(side: &mut Side) -> Result<Vec<u32>, SideError> {
    let sql = format!(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r','p','v','m','f') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
         ORDER BY n.nspname, c.relname LIMIT {MOST}"
    );
    let mut relations = Vec::new();
    catalogued(side, &sql, |_, fields| {
        relations.extend(fields.first().copied().flatten().and_then(|oid| oid.parse::<u32>().ok()));
        Ok(())
    })
    .await?;
    Ok(relations)
}
