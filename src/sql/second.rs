//! The second reader: a parser by other people, which never decides. Where it reads a text as well, and sees other statements in it than
//! PostgreSQL's grammar, one of the two was led astray, and nobody should trust either. Names the crate it comes in, and no other file does.

use sqlparser::ast::{SetExpr, Statement as Tree};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::check::Checked;
use super::facts::{Opaque, Statement};

/// What it reads nests no deeper: its trees are dropped by recursion, with a frame for each operator.
pub const DEEPEST: usize = 200;

/// Levels of recursion while it reads.
const RECURSION: usize = 50;

/// A dispute, if there is one. What the second reader cannot read is no dispute.
pub fn dispute(checked: Checked<'_>, first: &[Statement]) -> Option<Opaque> {
    if checked.full_depth > DEEPEST {
        return None;
    }
    let dialect = PostgreSqlDialect {};
    let second = Parser::new(&dialect).with_recursion_limit(RECURSION).try_with_sql(checked.text).ok()?.parse_statements().ok()?;
    if second.len() != first.len() {
        return Some(Opaque::DisputedNumber);
    }
    let differs = first.iter().zip(&second).any(|(first, second)| family(first.kind) != family_seen(second));
    differs.then_some(Opaque::DisputedKind)
}

/// Kinds of statement, as coarse as two readers with other words for everything can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Query,
    Insert,
    Update,
    Delete,
    Merge,
    Copy,
    Truncate,
    Call,
    Transaction,
    /// Settings, prepared statements, cursors, channels.
    Session,
    Explain,
    Rights,
    /// Whatever makes, changes or maintains something.
    Definition,
    /// No statement of PostgreSQL's.
    Foreign,
}

fn family(kind: &str) -> Family {
    match kind {
        "SELECT" => Family::Query,
        "INSERT" => Family::Insert,
        "UPDATE" => Family::Update,
        "DELETE" => Family::Delete,
        "MERGE" => Family::Merge,
        "COPY" => Family::Copy,
        "TRUNCATE" => Family::Truncate,
        "CALL" | "DO" => Family::Call,
        "BEGIN"
        | "START TRANSACTION"
        | "COMMIT"
        | "ROLLBACK"
        | "SAVEPOINT"
        | "RELEASE"
        | "PREPARE TRANSACTION"
        | "COMMIT PREPARED"
        | "ROLLBACK PREPARED" => Family::Transaction,
        "SET" | "RESET" | "SHOW" | "DISCARD" | "PREPARE" | "EXECUTE" | "DEALLOCATE" | "DECLARE CURSOR" | "FETCH" | "MOVE" | "CLOSE"
        | "LISTEN" | "UNLISTEN" | "NOTIFY" | "SET CONSTRAINTS" => Family::Session,
        "EXPLAIN" => Family::Explain,
        "GRANT" | "REVOKE" | "GRANT ROLE" | "REVOKE ROLE" => Family::Rights,
        _ => Family::Definition,
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "statements of other databases are all alike here")]
fn family_seen(statement: &Tree) -> Family {
    match statement {
        Tree::Query(query) => match &*query.body {
            // Behind WITH.
            SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => {
                family_seen(statement)
            }
            _ => Family::Query,
        },
        Tree::Insert(_) => Family::Insert,
        Tree::Update(_) => Family::Update,
        Tree::Delete(_) => Family::Delete,
        Tree::Merge(_) => Family::Merge,
        Tree::Copy { .. } => Family::Copy,
        Tree::Truncate(_) => Family::Truncate,
        Tree::Call(_) => Family::Call,
        Tree::StartTransaction { .. }
        | Tree::Commit { .. }
        | Tree::Rollback { .. }
        | Tree::Savepoint { .. }
        | Tree::ReleaseSavepoint { .. } => Family::Transaction,
        Tree::Set(_)
        | Tree::Reset(_)
        | Tree::ShowVariable { .. }
        | Tree::ShowVariables { .. }
        | Tree::Discard { .. }
        | Tree::Prepare { .. }
        | Tree::Execute { .. }
        | Tree::Deallocate { .. }
        | Tree::Declare { .. }
        | Tree::Fetch { .. }
        | Tree::Close { .. }
        | Tree::LISTEN { .. }
        | Tree::UNLISTEN { .. }
        | Tree::NOTIFY { .. } => Family::Session,
        Tree::Explain { .. } => Family::Explain,
        Tree::Grant(_) | Tree::Revoke(_) => Family::Rights,
        Tree::Analyze(_)
        | Tree::Vacuum(_)
        | Tree::Comment { .. }
        | Tree::Lock(_)
        | Tree::Load { .. }
        | Tree::Drop { .. }
        | Tree::DropFunction(_)
        | Tree::DropDomain(_)
        | Tree::DropProcedure { .. }
        | Tree::DropPolicy(_)
        | Tree::DropExtension(_)
        | Tree::DropOperator(_)
        | Tree::DropOperatorFamily(_)
        | Tree::DropOperatorClass(_)
        | Tree::DropTrigger(_)
        | Tree::CreateView(_)
        | Tree::CreateTable(_)
        | Tree::CreateIndex(_)
        | Tree::CreateRole(_)
        | Tree::CreateUser(_)
        | Tree::CreateServer(_)
        | Tree::CreatePolicy(_)
        | Tree::CreateOperator(_)
        | Tree::CreateOperatorFamily(_)
        | Tree::CreateOperatorClass(_)
        | Tree::CreateTextSearch(_)
        | Tree::CreateExtension(_)
        | Tree::CreateCollation(_)
        | Tree::CreateSchema { .. }
        | Tree::CreateDatabase { .. }
        | Tree::CreateFunction(_)
        | Tree::CreateProcedure { .. }
        | Tree::CreateTrigger(_)
        | Tree::CreateSequence { .. }
        | Tree::CreateDomain(_)
        | Tree::CreateType { .. }
        | Tree::AlterTable(_)
        | Tree::AlterSchema(_)
        | Tree::AlterIndex { .. }
        | Tree::AlterView { .. }
        | Tree::AlterFunction(_)
        | Tree::AlterType(_)
        | Tree::AlterCollation(_)
        | Tree::AlterOperator(_)
        | Tree::AlterOperatorFamily(_)
        | Tree::AlterOperatorClass(_)
        | Tree::AlterTextSearch(_)
        | Tree::AlterRole { .. }
        | Tree::AlterUser(_)
        | Tree::AlterPolicy(_) => Family::Definition,
        _ => Family::Foreign,
    }
}
