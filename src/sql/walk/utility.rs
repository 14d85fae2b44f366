//! Statements that are neither queries nor writes of rows, where their kind alone does not tell what they do.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is no truth value says yes, and what is no list of names is visited as it is")]

use super::super::effect::{Effect, EffectSet};
use super::super::facts::{Copy, CopyCut, CopyFormat, CopyTarget, Direction, Encoding, Explain, How, Named, Opaque, Writes};
use super::super::parser::tree::{
    AlterTableCmd, AlterTableStmt, AlterTableType, CommentStmt, CopyStmt, CreateStmt, CreateTableAsStmt, DefElem, DropStmt, ExecuteStmt,
    ExplainStmt, Node, NodeRef, ObjectType, PrepareStmt, RenameStmt, ViewStmt, a_const,
};
use super::{Place, Walk, names};

impl<'t> Walk<'t> {
    pub(super) fn copy(&mut self, copy: &'t CopyStmt, place: Place) {
        self.kind("COPY");
        let target = match (copy.is_program, copy.filename.as_str()) {
            (true, program) => CopyTarget::Program(program.into()),
            (false, "") => CopyTarget::Client,
            (false, file) => CopyTarget::File(file.into()),
        };
        self.effect(
            place,
            match &target {
                CopyTarget::Client => EffectSet::NONE,
                CopyTarget::File(_) => Effect::Admin.alone(),
                CopyTarget::Program(_) => EffectSet::of(&[Effect::Admin, Effect::Code]),
            },
        );
        let direction = if copy.is_from { Direction::In } else { Direction::Out };
        self.effect(
            place,
            match direction {
                Direction::In => EffectSet::of(&[Effect::Write, Effect::Import]),
                Direction::Out => EffectSet::of(&[Effect::Read, Effect::Export]),
            },
        );
        let (format, cut) = (copy_format(&copy.options), copy_cut(&copy.options));
        self.statement.copy = Some(Copy { direction, target, format, cut });
        let how = if copy.is_from { How::Written } else { How::Read };
        let relation = self.one_relation(copy.relation.as_ref(), place.with_how(how));
        if copy.is_from {
            self.written(relation, Writes::INSERT);
        }
        for name in copy.attlist.iter().filter_map(names::text) {
            if copy.is_from {
                self.written_column(relation, name, place);
            } else {
                self.read_column(relation, name, place);
            }
        }
        if copy.attlist.is_empty() && copy.relation.is_some() {
            if copy.is_from { self.written_column(relation, "*", place) } else { self.read_column(relation, "*", place) }
        }
        self.one(copy.query.as_deref(), place.with_how(How::Read));
        self.one(copy.where_clause.as_deref(), place.in_clause(super::Clause::Where));
    }

    /// Planning alone runs some functions of the statement, and nothing else of it.
    pub(super) fn explain(&mut self, explain: &'t ExplainStmt, place: Place) {
        self.kind("EXPLAIN");
        self.effect(place, Effect::Read);
        let mut executes = false;
        for option in &explain.options {
            if let Some(NodeRef::DefElem(option)) = option.node.as_ref().map(|node| node.to_ref())
                && option.defname.eq_ignore_ascii_case("analyze")
            {
                // Given twice, the last one counts; one that is no truth value is an error, or true.
                executes = !is_false(option);
            }
        }
        self.statement.explain = Some(Explain { executes });
        let quiet = place.quiet || !executes;
        self.one(explain.query.as_deref(), Place { quiet, ..place.with_how(place.how) });
    }

    pub(super) fn prepare(&mut self, prepare: &'t PrepareStmt, place: Place) {
        self.name("PREPARE", Named::Prepare(prepare.name.as_str().into()), Effect::Session, place);
        self.many(&prepare.argtypes, place.with_how(place.how));
        self.one(prepare.query.as_deref(), place.with_how(place.how));
    }

    /// What it does was told when the statement was prepared, maybe by other means than SQL.
    pub(super) fn execute(&mut self, execute: &'t ExecuteStmt, place: Place) {
        self.name("EXECUTE", Named::Execute(execute.name.as_str().into()), Effect::Session, place);
        self.make_opaque(Opaque::Prepared);
        self.many(&execute.params, place.in_clause(super::Clause::Values));
    }

    pub(super) fn create_table(&mut self, create: &'t CreateStmt, kind: &'static str, place: Place) {
        self.kind(kind);
        self.effect(place, Effect::Ddl);
        self.one_relation(create.relation.as_ref(), place.with_how(How::Defined));
        let read = place.with_how(How::Read);
        self.many(&create.table_elts, read);
        self.many(&create.inh_relations, place.with_how(How::Altered));
        self.many(&create.constraints, read);
        self.many(&create.options, read);
        let partition = create.partbound.as_ref().map(NodeRef::PartitionBoundSpec);
        let keys = create.partspec.as_ref().map(NodeRef::PartitionSpec);
        let of_type = create.of_typename.as_ref().map(NodeRef::TypeName);
        for node in [partition, keys, of_type].into_iter().flatten() {
            self.push(node, read);
        }
    }

    pub(super) fn create_table_as(&mut self, create: &'t CreateTableAsStmt, place: Place) {
        let view = create.objtype == ObjectType::ObjectMatview as i32;
        self.kind(if view { "CREATE MATERIALIZED VIEW" } else { "CREATE TABLE AS" });
        self.effect(place, Effect::Ddl);
        if let Some(into) = create.into.as_deref() {
            self.one_relation(into.rel.as_ref(), place.with_how(How::Defined));
            self.many(&into.options, place.with_how(How::Read));
        }
        self.one(create.query.as_deref(), place.with_how(How::Read));
    }

    pub(super) fn create_view(&mut self, view: &'t ViewStmt, place: Place) {
        self.kind("CREATE VIEW");
        self.effect(place, Effect::Ddl);
        self.one_relation(view.view.as_ref(), place.with_how(How::Defined));
        self.one(view.query.as_deref(), place.with_how(How::Read));
        self.many(&view.options, place.with_how(How::Read));
    }

    pub(super) fn drop_objects(&mut self, drop: &'t DropStmt, place: Place) {
        let place = place.with_how(How::Dropped);
        let Ok(what) = ObjectType::try_from(drop.remove_type) else { return self.make_opaque(Opaque::UnknownNode) };
        let object = super::visit::object(drop.remove_type);
        self.kind(object.drop);
        self.effect(place, object.effects);
        for object in &drop.objects {
            let Some(NodeRef::List(list)) = object.node.as_ref().map(|node| node.to_ref()) else {
                self.one(Some(object), place);
                continue;
            };
            match what {
                ObjectType::ObjectTable
                | ObjectType::ObjectView
                | ObjectType::ObjectMatview
                | ObjectType::ObjectSequence
                | ObjectType::ObjectIndex
                | ObjectType::ObjectForeignTable => self.listed_relation(&list.items, place),
                // The last name is the object's own, the ones before it are its table's.
                ObjectType::ObjectTrigger | ObjectType::ObjectRule | ObjectType::ObjectPolicy => {
                    let table = list.items.split_last().map_or(&[][..], |(_, table)| table);
                    self.listed_relation(table, place.with_how(How::Altered));
                }
                _ => self.many(&list.items, place),
            }
        }
    }

    pub(super) fn rename(&mut self, rename: &'t RenameStmt, kind: &'static str, place: Place) {
        self.kind(kind);
        let mut effects = Effect::Ddl.alone();
        if matches!(ObjectType::try_from(rename.rename_type), Ok(ObjectType::ObjectRole | ObjectType::ObjectPolicy)) {
            effects |= Effect::Privilege.into();
        }
        self.effect(place, effects);
        self.below(NodeRef::RenameStmt(rename), place.with_how(How::Altered));
    }

    pub(super) fn comment(&mut self, comment: &'t CommentStmt, place: Place) {
        self.kind("COMMENT");
        self.effect(place, Effect::Ddl);
        let place = place.with_how(How::Altered);
        let object = comment.object.as_deref();
        let Some(NodeRef::List(list)) = object.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()) else {
            return self.one(object, place);
        };
        match ObjectType::try_from(comment.objtype) {
            Ok(
                ObjectType::ObjectTable
                | ObjectType::ObjectView
                | ObjectType::ObjectMatview
                | ObjectType::ObjectSequence
                | ObjectType::ObjectIndex
                | ObjectType::ObjectForeignTable,
            ) => self.listed_relation(&list.items, place),
            Ok(
                ObjectType::ObjectColumn
                | ObjectType::ObjectTabconstraint
                | ObjectType::ObjectTrigger
                | ObjectType::ObjectRule
                | ObjectType::ObjectPolicy,
            ) => {
                self.listed_relation(list.items.split_last().map_or(&[][..], |(_, table)| table), place);
            }
            Ok(_) | Err(_) => self.many(&list.items, place),
        }
    }

    pub(super) fn alter_table(&mut self, alter: &'t AlterTableStmt, kind: &'static str, place: Place) {
        self.kind(kind);
        self.effect(place, Effect::Ddl);
        self.below(NodeRef::AlterTableStmt(alter), place.with_how(How::Altered));
    }

    pub(super) fn alter_command(&mut self, command: &'t AlterTableCmd, place: Place) {
        use AlterTableType as Type;
        let effects = match Type::try_from(command.subtype) {
            Ok(
                Type::AtChangeOwner
                | Type::AtEnableRowSecurity
                | Type::AtDisableRowSecurity
                | Type::AtForceRowSecurity
                | Type::AtNoForceRowSecurity,
            ) => Effect::Privilege.alone(),
            // Which of the code that hangs on a table runs.
            Ok(
                Type::AtEnableTrig
                | Type::AtEnableAlwaysTrig
                | Type::AtEnableReplicaTrig
                | Type::AtDisableTrig
                | Type::AtEnableTrigAll
                | Type::AtDisableTrigAll
                | Type::AtEnableTrigUser
                | Type::AtDisableTrigUser
                | Type::AtEnableRule
                | Type::AtEnableAlwaysRule
                | Type::AtEnableReplicaRule
                | Type::AtDisableRule,
            ) => Effect::Code.alone(),
            Ok(Type::Undefined) | Err(_) => Effect::Opaque.alone(),
            Ok(_) => EffectSet::NONE,
        };
        self.effect(place, effects);
        self.below(NodeRef::AlterTableCmd(command), place.with_how(How::Read));
    }

    pub(super) fn read_column(&mut self, relation: Option<usize>, name: &str, place: Place) {
        let column = super::super::facts::Column { relation, qualifier: None, name: name.into(), written: false, clause: place.clause };
        self.statement.columns.push(column);
    }
}

fn copy_format(options: &[Node]) -> CopyFormat {
    let (mut format, mut quote, mut escape) = (CopyFormat::Text, b'"', None);
    for option in options {
        let Some(NodeRef::DefElem(option)) = option.node.as_ref().map(|node| node.to_ref()) else { return CopyFormat::Unknown };
        let value = option.arg.as_deref().and_then(names::text);
        match (option.defname.as_str(), value, value.map(str::as_bytes)) {
            ("format", Some("text"), _) => format = CopyFormat::Text,
            ("format", Some("csv"), _) => format = CopyFormat::Csv { quote, escape: quote },
            ("format", Some("binary"), _) => format = CopyFormat::Binary,
            ("quote", _, Some([byte])) => quote = *byte,
            ("escape", _, Some([byte])) => escape = Some(*byte),
            ("encoding", Some(name), _) if encoding(name) != Encoding::Other => {}
            (
                "delimiter" | "null" | "header" | "default" | "freeze" | "force_quote" | "force_not_null" | "force_null" | "on_error"
                | "log_verbosity",
                ..,
            ) => {}
            _ => return CopyFormat::Unknown,
        }
    }
    if let CopyFormat::Csv { .. } = format { CopyFormat::Csv { quote, escape: escape.unwrap_or(quote) } } else { format }
}

fn copy_cut(options: &[Node]) -> CopyCut {
    let mut cut = CopyCut::default();
    for option in options {
        let Some(NodeRef::DefElem(option)) = option.node.as_ref().map(|node| node.to_ref()) else { continue };
        let value = option.arg.as_deref().and_then(names::text);
        match (option.defname.as_str(), value) {
            ("delimiter", Some(value)) => cut.delimiter = value.as_bytes().first().copied(),
            ("null", Some(value)) => cut.null = Some(value.into()),
            ("header", _) => cut.header = !is_false(option),
            ("encoding", value) => cut.encoding = value.map_or(Encoding::Other, encoding),
            _ => {}
        }
    }
    cut
}

/// By its name as the server reads it: letters and digits alone count.
fn encoding(name: &str) -> Encoding {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let single = ["latin", "iso8859", "win125", "windows125", "koi8"];
    match name.as_str() {
        // UTF-8 is what the connection has.
        "utf8" | "unicode" => Encoding::Own,
        "euccn" | "eucjp" | "eucjis2004" | "euckr" | "euctw" | "win866" | "windows866" | "win874" | "windows874" => Encoding::Apart,
        other if single.iter().any(|begin| other.starts_with(begin)) => Encoding::Apart,
        _ => Encoding::Other,
    }
}

/// Whether an option says no. Options are constants, or words that the grammar made into names.
fn is_false(option: &DefElem) -> bool {
    let Some(node) = option.arg.as_deref().and_then(|node: &Node| node.node.as_ref()) else { return false };
    let text = match node.to_ref() {
        NodeRef::String(text) => text.sval.as_str(),
        NodeRef::Integer(number) => return number.ival == 0,
        NodeRef::Boolean(value) => return !value.boolval,
        NodeRef::AConst(constant) => match &constant.val {
            Some(a_const::Val::Ival(number)) => return number.ival == 0,
            Some(a_const::Val::Sval(text)) => text.sval.as_str(),
            Some(_) | None => return false,
        },
        _ => return false,
    };
    text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("off")
}
