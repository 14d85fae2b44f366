//! How what is known of a hold is written down: CBOR with numbered keys, which a later program still reads.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::matter::Matter;
use super::view::{About, Ruled};
use crate::audit::Digest;
use crate::audit::event::Tag;
use crate::gate::catalog::{Estimate, Relation};
use crate::gate::hold::{Over, Quantity, Verdict};
use crate::session::asking::{Message, Parameters};
use crate::sql::effect::EffectSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is kept of a hold cannot be read")]
pub struct Unreadable;

pub(super) type Bytes = Zeroizing<Vec<u8>>;

pub(super) fn put<T: Encode<()>>(value: &T) -> Bytes {
    let mut bytes = Bytes::default();
    // Writing to memory does not fail.
    minicbor::encode(value, &mut *bytes).ok();
    bytes
}

pub(super) fn take<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Unreadable> {
    minicbor::decode(bytes).map_err(|_| Unreadable)
}

fn owned(texts: &[Box<str>]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptAbout {
    #[n(0)]
    agent_id: i64,
    #[n(1)]
    agent: String,
    #[n(2)]
    owner: String,
    #[n(3)]
    database: String,
    #[n(4)]
    role: String,
    #[n(5)]
    environment: Option<String>,
    #[n(6)]
    session: u64,
    #[n(7)]
    opened: u64,
    #[n(8)]
    effects: u32,
    #[n(9)]
    rule: String,
    #[n(10)]
    reason: String,
    #[n(11)]
    groups: Vec<String>,
    #[n(12)]
    in_transaction: bool,
    /// Which quantity, by its place in the list, the limit, and how far it is raised.
    #[n(13)]
    over: Option<(u8, u64, u64)>,
    #[n(14)]
    shape: Digest,
    #[n(15)]
    asks_unmasked: Option<bool>,
    /// Where it is more than one.
    #[n(16)]
    approvals: Option<u32>,
}

impl About {
    pub(super) fn write(&self) -> Bytes {
        put(&KeptAbout {
            agent_id: self.agent_id,
            agent: self.agent.to_string(),
            owner: self.owner.to_string(),
            database: self.database.to_string(),
            role: self.role.to_string(),
            environment: self.environment.as_deref().map(str::to_owned),
            session: self.session,
            opened: self.opened,
            effects: self.effects.bits(),
            rule: self.rule.to_string(),
            reason: self.reason.to_string(),
            groups: owned(&self.groups),
            in_transaction: self.in_transaction,
            over: self.over.map(|over| (number(over.quantity), over.limit, over.raised)),
            shape: self.shape,
            asks_unmasked: self.asks_unmasked.then_some(true),
            approvals: (self.approvals > 1).then_some(self.approvals),
        })
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let kept: KeptAbout = take(bytes)?;
        let over = match kept.over {
            None => None,
            Some((which, limit, raised)) => {
                let quantity = Quantity::ALL.into_iter().find(|quantity| number(*quantity) == which).ok_or(Unreadable)?;
                Some(Over { quantity, limit, raised })
            }
        };
        Ok(Self {
            agent_id: kept.agent_id,
            agent: kept.agent.into(),
            owner: kept.owner.into(),
            database: kept.database.into(),
            role: kept.role.into(),
            environment: kept.environment.map(Into::into),
            session: kept.session,
            opened: kept.opened,
            effects: EffectSet::from_bits(kept.effects),
            rule: kept.rule.into(),
            reason: kept.reason.into(),
            groups: boxed(kept.groups),
            in_transaction: kept.in_transaction,
            over,
            shape: kept.shape,
            asks_unmasked: kept.asks_unmasked == Some(true),
            approvals: kept.approvals.unwrap_or(1),
        })
    }
}

fn number(quantity: Quantity) -> u8 {
    match quantity {
        Quantity::Rows => 0,
        Quantity::Bytes => 1,
        Quantity::CopyInRows => 2,
        Quantity::CopyInBytes => 3,
        Quantity::SensitiveRows => 4,
        Quantity::Probes => 5,
        Quantity::ShapeBytes => 6,
        Quantity::Found => 7,
        Quantity::SensitiveValues => 8,
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptMatter {
    #[n(0)]
    sql: ByteVec,
    #[n(1)]
    bound: Option<KeptBind>,
    #[n(2)]
    tags: Vec<Tag>,
    #[n(3)]
    task: Option<String>,
    #[n(4)]
    findings: Vec<String>,
    #[n(5)]
    relations: Vec<KeptRelation>,
    /// Rows that leave, the most at any step, cost, rows made, rows read.
    #[n(6)]
    estimate: Option<(f64, f64, f64, f64, f64)>,
    #[n(7)]
    objects: Option<Vec<u32>>,
    #[n(8)]
    settings: Option<Vec<(String, String)>>,
    #[n(9)]
    unsteady: Option<String>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptBind {
    #[n(0)]
    types: Vec<u32>,
    #[n(1)]
    formats: Vec<i16>,
    #[n(2)]
    values: Vec<Option<ByteVec>>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptRelation {
    #[n(0)]
    oid: u32,
    #[n(1)]
    schema: String,
    #[n(2)]
    name: String,
    #[n(3)]
    kind: String,
    #[n(4)]
    rows: Option<u64>,
    #[n(5)]
    bytes: u64,
}

impl Matter {
    pub fn write(&self) -> Bytes {
        let bound = match &self.message {
            Message::Query(_) => None,
            Message::Extended { types, bind, .. } => Some(KeptBind {
                types: types.to_vec(),
                formats: bind.formats.to_vec(),
                values: bind.values.iter().map(|value| value.as_ref().map(|value| value.to_vec().into())).collect(),
            }),
        };
        put(&KeptMatter {
            sql: self.message.sql().to_vec().into(),
            bound,
            tags: self.tags.clone(),
            task: self.task.as_deref().map(str::to_owned),
            findings: owned(&self.findings),
            relations: self.relations.iter().map(KeptRelation::of).collect(),
            estimate: self.estimate.map(|estimate| (estimate.rows, estimate.widest, estimate.cost, estimate.made, estimate.read)),
            objects: Some(self.objects.clone()),
            settings: Some(self.settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()),
            unsteady: self.unsteady.as_deref().map(str::to_owned),
        })
    }

    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let kept: KeptMatter = take(bytes)?;
        let sql = Zeroizing::new(kept.sql.into());
        let message = match kept.bound {
            None => Message::Query(sql),
            Some(bound) => {
                let values = bound.values.into_iter().map(|value| value.map(|value| Zeroizing::new(value.into()))).collect();
                Message::Extended { sql, types: bound.types.into(), bind: Parameters { formats: bound.formats.into(), values } }
            }
        };
        // An earlier program kept less, and made no standing grants.
        let unsteady = kept.unsteady.or_else(|| kept.objects.is_none().then(|| "it was held by an earlier program".to_owned()));
        Ok(Self {
            message,
            tags: kept.tags,
            task: kept.task.map(Into::into),
            findings: boxed(kept.findings),
            relations: kept.relations.into_iter().map(KeptRelation::relation).collect(),
            estimate: kept.estimate.map(|(rows, widest, cost, made, read)| Estimate { rows, widest, cost, made, read }),
            objects: kept.objects.unwrap_or_default(),
            settings: kept.settings.unwrap_or_default().into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            unsteady: unsteady.map(Into::into),
        })
    }
}

impl KeptRelation {
    fn of(relation: &Relation) -> Self {
        let Relation { oid, schema, name, kind, rows, bytes } = relation;
        Self { oid: *oid, schema: schema.to_string(), name: name.to_string(), kind: (*kind).to_owned(), rows: *rows, bytes: *bytes }
    }

    fn relation(self) -> Relation {
        /// As the catalog calls them; a kind that a newer program knows is a relation here.
        const KINDS: [&str; 8] = ["table", "partitioned table", "view", "materialized view", "foreign table", "sequence", "index", "type"];
        let kind = KINDS.into_iter().find(|kind| *kind == self.kind).unwrap_or("relation");
        Relation { oid: self.oid, schema: self.schema.into(), name: self.name.into(), kind, rows: self.rows, bytes: self.bytes }
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct KeptRuled {
    #[n(0)]
    approved: bool,
    #[n(1)]
    by: String,
    #[n(2)]
    at: u64,
    #[n(3)]
    reason: Option<String>,
    #[n(4)]
    single_person: bool,
    #[n(5)]
    unmasked: Option<bool>,
}

impl Ruled {
    pub(super) fn write(&self) -> Bytes {
        put(&KeptRuled {
            approved: self.verdict.approves(),
            unmasked: (self.verdict == Verdict::ApproveUnmasked).then_some(true),
            by: self.by.to_string(),
            at: self.at,
            reason: self.reason.as_deref().map(str::to_owned),
            single_person: self.single_person,
        })
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let KeptRuled { approved, by, at, reason, single_person, unmasked } = take(bytes)?;
        let verdict = match (approved, unmasked) {
            (true, Some(true)) => Verdict::ApproveUnmasked,
            (true, _) => Verdict::Approve,
            (false, _) => Verdict::Deny,
        };
        Ok(Self { verdict, by: by.into(), at, reason: reason.map(Into::into), single_person })
    }
}
