//! Statements about the session: settings in every spelling, transactions, prepared statements, cursors, channels.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is no constant has no value that is known")]

use super::super::effect::Effect;
use super::super::facts::{Discard, Fetch, Named, Opaque, SetHow, Setting, SettingValue, Transaction};
use super::super::parser::tree::{
    AConst, DeallocateStmt, DeclareCursorStmt, DefElem, DiscardMode, DiscardStmt, FetchStmt, FuncCall, Node, NodeRef, TransactionStmt,
    TransactionStmtKind, VariableSetKind, VariableSetStmt, a_const,
};
use super::super::settings;
use super::{Place, Walk, names};

/// `WITH HOLD`, a bit of a cursor's options.
const HOLD: i32 = 0x20;

impl<'t> Walk<'t> {
    pub(super) fn set(&mut self, set: &'t VariableSetStmt, place: Place) {
        let kind = VariableSetKind::try_from(set.kind).unwrap_or(VariableSetKind::Undefined);
        self.kind(if matches!(kind, VariableSetKind::VarReset | VariableSetKind::VarResetAll) { "RESET" } else { "SET" });
        let how = match (place.top, set.is_local) {
            (false, _) => SetHow::Later,
            (true, true) => SetHow::Local,
            (true, false) => SetHow::Session,
        };
        match kind {
            VariableSetKind::VarSetValue => {
                let value = values(&set.args);
                self.setting(&set.name, value, how, place);
            }
            VariableSetKind::VarSetDefault | VariableSetKind::VarReset => self.setting(&set.name, SettingValue::Reset, how, place),
            // Everything goes back to what the session began with, but for what never does.
            VariableSetKind::VarResetAll => self.setting("all", SettingValue::Reset, how, place),
            VariableSetKind::VarSetMulti => {
                for argument in &set.args {
                    match argument.node.as_ref().map(|node| node.to_ref()) {
                        Some(NodeRef::DefElem(mode)) => self.mode(mode, place),
                        // `SET TRANSACTION SNAPSHOT`
                        _ => self.effect(place, Effect::Session),
                    }
                }
            }
            VariableSetKind::VarSetCurrent => self.setting(&set.name, SettingValue::Computed, SetHow::Later, place),
            VariableSetKind::Undefined => self.make_opaque(Opaque::UnknownNode),
        }
        self.below(NodeRef::VariableSetStmt(set), place.with_how(place.how));
    }

    pub(super) fn setting(&mut self, name: &str, value: SettingValue, how: SetHow, place: Place) {
        let name: Box<str> = name.to_ascii_lowercase().into();
        // What holds for sessions to come is for somebody else to decide, whatever it is; for functions it is part of their making.
        if how != SetHow::Later {
            let effects = settings::judge(&name, &value);
            self.effect(place, effects);
        }
        self.statement.settings.push(Setting { name, value, how });
    }

    /// One of a transaction's modes.
    fn mode(&mut self, mode: &'t DefElem, place: Place) {
        let value = match mode.arg.as_deref().and_then(constant) {
            Some(constant) => SettingValue::Known(written(constant).into()),
            None => SettingValue::Computed,
        };
        self.setting(&mode.defname, value, SetHow::Transaction, place);
    }

    /// `set_config(name, value, is_local)` is SET, and is judged as one if it says what it sets.
    pub(super) fn set_config(&mut self, call: &'t FuncCall, place: Place) {
        // Named arguments may stand in any order.
        let mut name = call.args.first().and_then(constant);
        let mut value = call.args.get(1);
        if call.args.iter().any(|argument| matches!(argument.node.as_ref().map(|node| node.to_ref()), Some(NodeRef::NamedArgExpr(_)))) {
            (name, value) = (None, None);
        }
        self.value_dependent = true;
        let parameter = |node: &Node| {
            let mut node = node.node.as_ref().map(|node| node.to_ref());
            while let Some(NodeRef::TypeCast(cast)) = node {
                node = cast.arg.as_deref().and_then(|argument| argument.node.as_ref()).map(|node| node.to_ref());
            }
            matches!(node, Some(NodeRef::ParamRef(_)))
        };
        let value = match value {
            Some(node) => match constant(node) {
                Some(AConst { isnull: true, .. }) => SettingValue::Reset,
                Some(constant) => SettingValue::Known(written(constant).into()),
                None if parameter(node) => SettingValue::Parameter,
                None => SettingValue::Computed,
            },
            None => SettingValue::Computed,
        };
        match name {
            Some(name) => self.setting(&written(name), value, SetHow::Function, place),
            None => self.effect(place, Effect::Guard),
        }
    }

    pub(super) fn transaction(&mut self, transaction: &'t TransactionStmt, place: Place) {
        let (kind, what, effect) = match TransactionStmtKind::try_from(transaction.kind) {
            Ok(TransactionStmtKind::TransStmtBegin) => ("BEGIN", Transaction::Begin, Effect::Session),
            Ok(TransactionStmtKind::TransStmtStart) => ("START TRANSACTION", Transaction::Begin, Effect::Session),
            Ok(TransactionStmtKind::TransStmtCommit) => ("COMMIT", Transaction::Commit, Effect::Session),
            Ok(TransactionStmtKind::TransStmtRollback) => ("ROLLBACK", Transaction::Rollback, Effect::Session),
            Ok(TransactionStmtKind::TransStmtSavepoint) => ("SAVEPOINT", Transaction::Savepoint, Effect::Session),
            Ok(TransactionStmtKind::TransStmtRelease) => ("RELEASE", Transaction::Release, Effect::Session),
            Ok(TransactionStmtKind::TransStmtRollbackTo) => ("ROLLBACK", Transaction::RollbackTo, Effect::Session),
            // They outlive the session, with their locks, and are anybody's to finish.
            Ok(TransactionStmtKind::TransStmtPrepare) => ("PREPARE TRANSACTION", Transaction::Prepare, Effect::Admin),
            Ok(TransactionStmtKind::TransStmtCommitPrepared) => ("COMMIT PREPARED", Transaction::CommitPrepared, Effect::Admin),
            Ok(TransactionStmtKind::TransStmtRollbackPrepared) => ("ROLLBACK PREPARED", Transaction::RollbackPrepared, Effect::Admin),
            Ok(TransactionStmtKind::Undefined) | Err(_) => return self.make_opaque(Opaque::UnknownNode),
        };
        self.kind(kind);
        self.statement.transaction = Some(what);
        self.effect(place, effect);
        for option in &transaction.options {
            if let Some(NodeRef::DefElem(mode)) = option.node.as_ref().map(|node| node.to_ref()) {
                self.mode(mode, place);
            }
        }
    }

    pub(super) fn declare(&mut self, declare: &'t DeclareCursorStmt, place: Place) {
        self.kind("DECLARE CURSOR");
        self.effect(place, Effect::Session);
        let hold = declare.options & HOLD != 0;
        self.statement.named.push(Named::Declare { cursor: declare.portalname.as_str().into(), hold });
        self.one(declare.query.as_deref(), place.with_how(place.how));
    }

    pub(super) fn fetch(&mut self, fetch: &'t FetchStmt, place: Place) {
        self.kind(if fetch.ismove { "MOVE" } else { "FETCH" });
        self.effect(place, Effect::Read);
        let rows = match fetch.how_many.unsigned_abs() {
            _ if fetch.ismove => Fetch::None,
            // The largest there is stands for ALL.
            rows if rows >= i64::MAX.unsigned_abs() => Fetch::All,
            rows => Fetch::Rows(rows),
        };
        self.statement.named.push(Named::Fetch { cursor: fetch.portalname.as_str().into(), rows });
    }

    pub(super) fn deallocate(&mut self, deallocate: &'t DeallocateStmt, place: Place) {
        self.kind("DEALLOCATE");
        self.effect(place, Effect::Session);
        self.statement.named.push(Named::Deallocate((!deallocate.isall).then(|| deallocate.name.as_str().into())));
    }

    pub(super) fn discard(&mut self, discard: &'t DiscardStmt, place: Place) {
        self.kind("DISCARD");
        self.effect(place, Effect::Session);
        let what = match DiscardMode::try_from(discard.target) {
            Ok(DiscardMode::DiscardAll) => Discard::All,
            Ok(DiscardMode::DiscardPlans) => Discard::Plans,
            Ok(DiscardMode::DiscardSequences) => Discard::Sequences,
            Ok(DiscardMode::DiscardTemp) => Discard::Temporary,
            Ok(DiscardMode::Undefined) | Err(_) => return self.make_opaque(Opaque::UnknownNode),
        };
        self.statement.named.push(Named::Discard(what));
    }

    pub(super) fn name(&mut self, kind: &'static str, named: Named, effect: Effect, place: Place) {
        self.kind(kind);
        self.effect(place, effect);
        self.statement.named.push(named);
    }
}

/// The constant that a node is, with or without a cast around it that leaves it as it is.
fn constant(node: &Node) -> Option<&AConst> {
    match node.node.as_ref()?.to_ref() {
        NodeRef::AConst(constant) => Some(constant),
        NodeRef::TypeCast(cast) => {
            let name = cast.type_name.as_ref().map(|name| names::qualified(&name.names).1);
            match cast.arg.as_deref()?.node.as_ref()?.to_ref() {
                NodeRef::AConst(constant) if matches!(name, Some("text" | "varchar" | "interval")) => Some(constant),
                _ => None,
            }
        }
        _ => None,
    }
}

fn written(constant: &AConst) -> String {
    match &constant.val {
        Some(a_const::Val::Ival(number)) => number.ival.to_string(),
        Some(a_const::Val::Fval(number)) => number.fval.clone(),
        Some(a_const::Val::Boolval(value)) => (if value.boolval { "on" } else { "off" }).to_owned(),
        Some(a_const::Val::Sval(text)) => text.sval.clone(),
        Some(a_const::Val::Bsval(bits)) => bits.bsval.clone(),
        None => String::new(),
    }
}

/// A list of values as the server would write it down: each item of several that is no plain word in quotes.
fn values(arguments: &[Node]) -> SettingValue {
    let Some(items) = arguments.iter().map(constant).collect::<Option<Vec<_>>>() else { return SettingValue::Computed };
    let items: Vec<String> = items.into_iter().map(written).collect();
    let quoted = |item: &String| {
        let plain =
            item.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'-' | b'/' | b':' | b'+' | b' '));
        if plain { item.clone() } else { format!("\"{}\"", item.replace('"', "\"\"")) }
    };
    match items.as_slice() {
        [single] if !single.contains(',') => SettingValue::Known(single.as_str().into()),
        several => SettingValue::Known(several.iter().map(quoted).collect::<Vec<_>>().join(", ").into()),
    }
}
