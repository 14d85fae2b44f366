//! What each kind of node is: every kind there is stands here once. A kind that a new version brings does not compile until it does, and one
//! that no text is read as makes the statement opaque.

use super::super::effect::{Effect, EffectSet};
use super::super::facts::{Clause, How, Named, Opaque};
use super::super::parser::tree::{NodeRef, ObjectType, SubLinkType, VariableSetStmt};
use super::{Place, Walk, names};

const DDL: EffectSet = EffectSet::of(&[Effect::Ddl]);
const PRIVILEGE: EffectSet = EffectSet::of(&[Effect::Privilege]);
const ADMIN: EffectSet = EffectSet::of(&[Effect::Admin]);
const CODE: EffectSet = EffectSet::of(&[Effect::Code]);
const SESSION: EffectSet = EffectSet::of(&[Effect::Session]);
const DDL_CODE: EffectSet = EffectSet::of(&[Effect::Ddl, Effect::Code]);
const CODE_ADMIN: EffectSet = EffectSet::of(&[Effect::Code, Effect::Admin]);
const DDL_PRIVILEGE: EffectSet = EffectSet::of(&[Effect::Ddl, Effect::Privilege]);
const DDL_ADMIN: EffectSet = EffectSet::of(&[Effect::Ddl, Effect::Admin]);
const TRUNCATE: EffectSet = EffectSet::of(&[Effect::Write, Effect::UnboundedWrite]);

impl<'t> Walk<'t> {
    pub(super) fn visit(&mut self, node: NodeRef<'t>, place: Place) {
        let named = |name: &str| (!name.is_empty()).then(|| Box::from(name));
        match node {
            // Rows.
            NodeRef::SelectStmt(select) => self.select(select, place),
            NodeRef::InsertStmt(insert) => self.insert(insert, place),
            NodeRef::UpdateStmt(update) => self.update(update, place),
            NodeRef::DeleteStmt(delete) => self.delete(delete, place),
            NodeRef::MergeStmt(merge) => self.merge(merge, place),
            NodeRef::CopyStmt(copy) => self.copy(copy, place),
            NodeRef::TruncateStmt(_) => self.utility("TRUNCATE", TRUNCATE, How::Written, node, place),

            // The session.
            NodeRef::VariableSetStmt(set) => self.set(set, place),
            NodeRef::VariableShowStmt(_) => self.utility("SHOW", Effect::Read.into(), How::Read, node, place),
            NodeRef::TransactionStmt(transaction) => self.transaction(transaction, place),
            NodeRef::DiscardStmt(discard) => self.discard(discard, place),
            NodeRef::PrepareStmt(prepare) => self.prepare(prepare, place),
            NodeRef::ExecuteStmt(execute) => self.execute(execute, place),
            NodeRef::DeallocateStmt(deallocate) => self.deallocate(deallocate, place),
            NodeRef::DeclareCursorStmt(declare) => self.declare(declare, place),
            NodeRef::FetchStmt(fetch) => self.fetch(fetch, place),
            NodeRef::ClosePortalStmt(close) => self.name("CLOSE", Named::Close(named(&close.portalname)), Effect::Session, place),
            NodeRef::ListenStmt(listen) => self.name("LISTEN", Named::Listen(listen.conditionname.as_str().into()), Effect::Session, place),
            NodeRef::UnlistenStmt(unlisten) => {
                self.name("UNLISTEN", Named::Unlisten(named(&unlisten.conditionname)), Effect::Session, place)
            }
            // What it says reaches whoever listens.
            NodeRef::NotifyStmt(notify) => self.name("NOTIFY", Named::Notify(notify.conditionname.as_str().into()), Effect::Export, place),
            NodeRef::ExplainStmt(explain) => self.explain(explain, place),

            // Definitions.
            NodeRef::CreateStmt(create) => self.create_table(create, "CREATE TABLE", place),
            NodeRef::CreateForeignTableStmt(foreign) => {
                self.kind("CREATE FOREIGN TABLE");
                self.effect(place, DDL_ADMIN);
                if let Some(create) = &foreign.base_stmt {
                    self.create_table(create, "CREATE FOREIGN TABLE", place);
                }
                self.many(&foreign.options, place.with_how(How::Read));
            }
            NodeRef::CreateTableAsStmt(create) => self.create_table_as(create, place),
            NodeRef::ViewStmt(view) => self.create_view(view, place),
            NodeRef::CreateFunctionStmt(create) => {
                let kind = if create.is_procedure { "CREATE PROCEDURE" } else { "CREATE FUNCTION" };
                self.utility(kind, DDL_CODE, How::Read, node, place);
            }
            NodeRef::DefineStmt(define) => {
                let object = object(define.kind);
                self.utility(object.create, object.effects, How::Read, node, place);
            }
            NodeRef::DropStmt(drop) => self.drop_objects(drop, place),
            NodeRef::CommentStmt(comment) => self.comment(comment, place),
            NodeRef::RenameStmt(rename) => self.rename(rename, object(rename.rename_type).alter, place),
            NodeRef::AlterTableStmt(alter) => self.alter_table(alter, object(alter.objtype).alter, place),
            NodeRef::AlterTableCmd(command) => self.alter_command(command, place),
            NodeRef::AlterObjectDependsStmt(alter) => self.utility(object(alter.object_type).alter, DDL, How::Altered, node, place),
            NodeRef::AlterObjectSchemaStmt(alter) => self.utility(object(alter.object_type).alter, DDL, How::Altered, node, place),
            NodeRef::AlterOwnerStmt(alter) => self.utility(object(alter.object_type).alter, DDL_PRIVILEGE, How::Altered, node, place),
            NodeRef::ReplicaIdentityStmt(_) => self.below(node, place),

            // Rights.
            NodeRef::GrantStmt(grant) => {
                let kind = if grant.is_grant { "GRANT" } else { "REVOKE" };
                self.utility(kind, PRIVILEGE, How::Altered, node, place);
            }
            NodeRef::GrantRoleStmt(grant) => {
                let kind = if grant.is_grant { "GRANT ROLE" } else { "REVOKE ROLE" };
                self.utility(kind, PRIVILEGE, How::Read, node, place);
            }
            NodeRef::AlterRoleSetStmt(alter) => self.set_later("ALTER ROLE", PRIVILEGE, alter.setstmt.as_ref(), place),
            NodeRef::AlterDatabaseSetStmt(alter) => self.set_later("ALTER DATABASE", ADMIN, alter.setstmt.as_ref(), place),

            NodeRef::VacuumStmt(vacuum) => {
                self.utility(if vacuum.is_vacuumcmd { "VACUUM" } else { "ANALYZE" }, ADMIN, How::Altered, node, place);
            }
            NodeRef::CallStmt(call) => {
                self.kind("CALL");
                self.effect(place, Effect::Code);
                if let Some(call) = call.funccall.as_deref() {
                    self.function(call, place.with_how(How::Read));
                }
            }
            // The body of a function, one statement of several.
            NodeRef::ReturnStmt(_) => self.below(node, place.with_how(How::Read)),

            // Those that are what they are called.
            NodeRef::AlterDomainStmt(_) => self.utility("ALTER DOMAIN", DDL, How::Altered, node, place),
            NodeRef::AlterDefaultPrivilegesStmt(_) => self.utility("ALTER DEFAULT PRIVILEGES", PRIVILEGE, How::Altered, node, place),
            NodeRef::ClusterStmt(_) => self.utility("CLUSTER", ADMIN, How::Altered, node, place),
            NodeRef::AlterFunctionStmt(_) => self.utility("ALTER FUNCTION", DDL_CODE, How::Altered, node, place),
            NodeRef::DoStmt(_) => self.utility("DO", CODE, How::Read, node, place),
            NodeRef::RuleStmt(_) => self.utility("CREATE RULE", DDL_CODE, How::Altered, node, place),
            NodeRef::LoadStmt(_) => self.utility("LOAD", CODE_ADMIN, How::Read, node, place),
            NodeRef::CreateDomainStmt(_) => self.utility("CREATE DOMAIN", DDL, How::Read, node, place),
            NodeRef::CreatedbStmt(_) => self.utility("CREATE DATABASE", ADMIN, How::Read, node, place),
            NodeRef::DropdbStmt(_) => self.utility("DROP DATABASE", ADMIN, How::Read, node, place),
            NodeRef::CreateSeqStmt(_) => self.utility("CREATE SEQUENCE", DDL, How::Defined, node, place),
            NodeRef::AlterSeqStmt(_) => self.utility("ALTER SEQUENCE", DDL, How::Altered, node, place),
            NodeRef::CreateTrigStmt(_) => self.utility("CREATE TRIGGER", DDL_CODE, How::Altered, node, place),
            NodeRef::CreatePlangStmt(_) => self.utility("CREATE LANGUAGE", DDL_CODE, How::Read, node, place),
            NodeRef::CreateRoleStmt(_) => self.utility("CREATE ROLE", PRIVILEGE, How::Read, node, place),
            NodeRef::AlterRoleStmt(_) => self.utility("ALTER ROLE", PRIVILEGE, How::Read, node, place),
            NodeRef::DropRoleStmt(_) => self.utility("DROP ROLE", PRIVILEGE, How::Read, node, place),
            NodeRef::LockStmt(_) => self.utility("LOCK TABLE", ADMIN, How::Altered, node, place),
            NodeRef::ConstraintsSetStmt(_) => self.utility("SET CONSTRAINTS", SESSION, How::Read, node, place),
            NodeRef::ReindexStmt(_) => self.utility("REINDEX", ADMIN, How::Altered, node, place),
            NodeRef::CheckPointStmt(_) => self.utility("CHECKPOINT", ADMIN, How::Read, node, place),
            NodeRef::CreateSchemaStmt(_) => self.utility("CREATE SCHEMA", DDL, How::Read, node, place),
            NodeRef::AlterDatabaseStmt(_) => self.utility("ALTER DATABASE", ADMIN, How::Read, node, place),
            NodeRef::AlterDatabaseRefreshCollStmt(_) => self.utility("ALTER DATABASE", ADMIN, How::Read, node, place),
            NodeRef::CreateConversionStmt(_) => self.utility("CREATE CONVERSION", DDL_CODE, How::Read, node, place),
            NodeRef::CreateCastStmt(_) => self.utility("CREATE CAST", DDL_CODE, How::Read, node, place),
            NodeRef::CreateOpClassStmt(_) => self.utility("CREATE OPERATOR CLASS", DDL_CODE, How::Read, node, place),
            NodeRef::CreateOpFamilyStmt(_) => self.utility("CREATE OPERATOR FAMILY", DDL_CODE, How::Read, node, place),
            NodeRef::AlterOpFamilyStmt(_) => self.utility("ALTER OPERATOR FAMILY", DDL_CODE, How::Read, node, place),
            NodeRef::CreateTableSpaceStmt(_) => self.utility("CREATE TABLESPACE", ADMIN, How::Read, node, place),
            NodeRef::DropTableSpaceStmt(_) => self.utility("DROP TABLESPACE", ADMIN, How::Read, node, place),
            NodeRef::AlterOperatorStmt(_) => self.utility("ALTER OPERATOR", DDL_CODE, How::Read, node, place),
            NodeRef::AlterTypeStmt(_) => self.utility("ALTER TYPE", DDL_CODE, How::Read, node, place),
            NodeRef::DropOwnedStmt(_) => self.utility("DROP OWNED", DDL_PRIVILEGE, How::Read, node, place),
            NodeRef::ReassignOwnedStmt(_) => self.utility("REASSIGN OWNED", PRIVILEGE, How::Read, node, place),
            NodeRef::CompositeTypeStmt(_) => self.utility("CREATE TYPE", DDL, How::Defined, node, place),
            NodeRef::CreateEnumStmt(_) => self.utility("CREATE TYPE", DDL, How::Read, node, place),
            NodeRef::CreateRangeStmt(_) => self.utility("CREATE TYPE", DDL_CODE, How::Read, node, place),
            NodeRef::AlterEnumStmt(_) => self.utility("ALTER TYPE", DDL, How::Read, node, place),
            NodeRef::AlterTsdictionaryStmt(_) => self.utility("ALTER TEXT SEARCH DICTIONARY", DDL, How::Read, node, place),
            NodeRef::AlterTsconfigurationStmt(_) => self.utility("ALTER TEXT SEARCH CONFIGURATION", DDL, How::Read, node, place),
            NodeRef::CreateFdwStmt(_) => self.utility("CREATE FOREIGN DATA WRAPPER", DDL_CODE, How::Read, node, place),
            NodeRef::AlterFdwStmt(_) => self.utility("ALTER FOREIGN DATA WRAPPER", DDL_CODE, How::Read, node, place),
            NodeRef::CreateForeignServerStmt(_) => self.utility("CREATE SERVER", DDL_ADMIN, How::Read, node, place),
            NodeRef::AlterForeignServerStmt(_) => self.utility("ALTER SERVER", DDL_ADMIN, How::Read, node, place),
            NodeRef::CreateUserMappingStmt(_) => self.utility("CREATE USER MAPPING", PRIVILEGE, How::Read, node, place),
            NodeRef::AlterUserMappingStmt(_) => self.utility("ALTER USER MAPPING", PRIVILEGE, How::Read, node, place),
            NodeRef::DropUserMappingStmt(_) => self.utility("DROP USER MAPPING", PRIVILEGE, How::Read, node, place),
            NodeRef::AlterTableSpaceOptionsStmt(_) => self.utility("ALTER TABLESPACE", ADMIN, How::Read, node, place),
            NodeRef::AlterTableMoveAllStmt(_) => self.utility("ALTER TABLE ALL IN TABLESPACE", DDL_ADMIN, How::Read, node, place),
            NodeRef::SecLabelStmt(_) => self.utility("SECURITY LABEL", PRIVILEGE, How::Altered, node, place),
            NodeRef::ImportForeignSchemaStmt(_) => self.utility("IMPORT FOREIGN SCHEMA", DDL_ADMIN, How::Defined, node, place),
            NodeRef::CreateExtensionStmt(_) => self.utility("CREATE EXTENSION", DDL_CODE, How::Read, node, place),
            NodeRef::AlterExtensionStmt(_) => self.utility("ALTER EXTENSION", DDL_CODE, How::Read, node, place),
            NodeRef::AlterExtensionContentsStmt(_) => self.utility("ALTER EXTENSION", DDL_CODE, How::Altered, node, place),
            NodeRef::CreateEventTrigStmt(_) => self.utility("CREATE EVENT TRIGGER", DDL_CODE, How::Read, node, place),
            NodeRef::AlterEventTrigStmt(_) => self.utility("ALTER EVENT TRIGGER", DDL_CODE, How::Read, node, place),
            NodeRef::RefreshMatViewStmt(_) => self.utility("REFRESH MATERIALIZED VIEW", DDL, How::Altered, node, place),
            NodeRef::AlterSystemStmt(_) => self.utility("ALTER SYSTEM", ADMIN, How::Read, node, place),
            NodeRef::CreatePolicyStmt(_) => self.utility("CREATE POLICY", DDL_PRIVILEGE, How::Altered, node, place),
            NodeRef::AlterPolicyStmt(_) => self.utility("ALTER POLICY", DDL_PRIVILEGE, How::Altered, node, place),
            NodeRef::CreateTransformStmt(_) => self.utility("CREATE TRANSFORM", DDL_CODE, How::Read, node, place),
            NodeRef::CreateAmStmt(_) => self.utility("CREATE ACCESS METHOD", DDL_CODE, How::Read, node, place),
            NodeRef::CreatePublicationStmt(_) => self.utility("CREATE PUBLICATION", DDL_ADMIN, How::Altered, node, place),
            NodeRef::AlterPublicationStmt(_) => self.utility("ALTER PUBLICATION", DDL_ADMIN, How::Altered, node, place),
            NodeRef::CreateSubscriptionStmt(_) => self.utility("CREATE SUBSCRIPTION", DDL_ADMIN, How::Read, node, place),
            NodeRef::AlterSubscriptionStmt(_) => self.utility("ALTER SUBSCRIPTION", DDL_ADMIN, How::Read, node, place),
            NodeRef::DropSubscriptionStmt(_) => self.utility("DROP SUBSCRIPTION", DDL_ADMIN, How::Read, node, place),
            NodeRef::CreateStatsStmt(_) => self.utility("CREATE STATISTICS", DDL, How::Altered, node, place),
            NodeRef::AlterCollationStmt(_) => self.utility("ALTER COLLATION", DDL, How::Read, node, place),
            NodeRef::AlterStatsStmt(_) => self.utility("ALTER STATISTICS", DDL, How::Altered, node, place),
            NodeRef::IndexStmt(_) => self.utility("CREATE INDEX", DDL, How::Altered, node, place),

            // Parts of statements that name something.
            NodeRef::RangeVar(range) => drop(self.relation(range, place)),
            NodeRef::ColumnRef(column) => self.column(column, place),
            NodeRef::FuncCall(call) => self.function(call, place),
            NodeRef::AExpr(expression) => self.expression(expression, place),
            NodeRef::AIndirection(indirection) => self.attributes(indirection, place),
            NodeRef::TypeName(name) => self.type_name(name, place),
            NodeRef::SubLink(link) => {
                self.operator(&link.oper_name);
                // All rows of it in one value.
                self.statement.collects |= link.sub_link_type == SubLinkType::ArraySublink as i32;
                self.one(link.testexpr.as_deref(), place);
                self.one(link.subselect.as_deref(), place.in_clause(place.clause));
            }
            NodeRef::SortBy(sort) => {
                self.operator(&sort.use_op);
                self.one(sort.node.as_deref(), place);
            }
            NodeRef::JoinExpr(join) => {
                self.one(join.larg.as_deref(), place);
                self.one(join.rarg.as_deref(), place);
                self.one(join.quals.as_deref(), place.in_clause(Clause::On));
                for name in join.using_clause.iter().filter_map(names::text) {
                    self.read_column(None, name, place.in_clause(Clause::On));
                }
            }
            NodeRef::RangeSubselect(subselect) => self.one(subselect.subquery.as_deref(), place),
            NodeRef::AConst(constant) => self.has_values |= !constant.isnull,
            NodeRef::ParamRef(_) => self.has_values = true,
            NodeRef::SqlvalueFunction(_) => {}
            NodeRef::JsonObjectAgg(_) | NodeRef::JsonArrayAgg(_) | NodeRef::JsonArrayQueryConstructor(_) => {
                self.statement.collects = true;
                self.below(node, place);
            }
            // A table that a key points to is looked at, not changed.
            NodeRef::Constraint(_) | NodeRef::IndexElem(_) | NodeRef::CreateOpClassItem(_) | NodeRef::ObjectWithArgs(_) => {
                self.below(node, place.with_how(How::Read));
            }

            // Parts that only hold other parts.
            NodeRef::Alias(_)
            | NodeRef::GroupingFunc(_)
            | NodeRef::NamedArgExpr(_)
            | NodeRef::BoolExpr(_)
            | NodeRef::CaseExpr(_)
            | NodeRef::CaseWhen(_)
            | NodeRef::RowExpr(_)
            | NodeRef::CoalesceExpr(_)
            | NodeRef::MinMaxExpr(_)
            | NodeRef::XmlExpr(_)
            | NodeRef::NullTest(_)
            | NodeRef::BooleanTest(_)
            | NodeRef::SetToDefault(_)
            | NodeRef::CurrentOfExpr(_)
            | NodeRef::IntoClause(_)
            | NodeRef::AtalterConstraint(_)
            | NodeRef::AStar(_)
            | NodeRef::AIndices(_)
            | NodeRef::AArrayExpr(_)
            | NodeRef::ResTarget(_)
            | NodeRef::MultiAssignRef(_)
            | NodeRef::TypeCast(_)
            | NodeRef::CollateClause(_)
            | NodeRef::WindowDef(_)
            | NodeRef::RangeFunction(_)
            | NodeRef::RangeTableSample(_)
            | NodeRef::RangeTableFunc(_)
            | NodeRef::RangeTableFuncCol(_)
            | NodeRef::ColumnDef(_)
            | NodeRef::DefElem(_)
            | NodeRef::GroupingSet(_)
            | NodeRef::AccessPriv(_)
            | NodeRef::TableLikeClause(_)
            | NodeRef::FunctionParameter(_)
            | NodeRef::LockingClause(_)
            | NodeRef::XmlSerialize(_)
            | NodeRef::WithClause(_)
            | NodeRef::InferClause(_)
            | NodeRef::OnConflictClause(_)
            | NodeRef::CommonTableExpr(_)
            | NodeRef::RoleSpec(_)
            | NodeRef::TriggerTransition(_)
            | NodeRef::PartitionElem(_)
            | NodeRef::PartitionSpec(_)
            | NodeRef::PartitionBoundSpec(_)
            | NodeRef::PartitionRangeDatum(_)
            | NodeRef::PartitionCmd(_)
            | NodeRef::VacuumRelation(_)
            | NodeRef::Integer(_)
            | NodeRef::Float(_)
            | NodeRef::Boolean(_)
            | NodeRef::String(_)
            | NodeRef::BitString(_)
            | NodeRef::List(_)
            | NodeRef::ReturningClause(_)
            | NodeRef::ReturningOption(_)
            | NodeRef::StatsElem(_)
            | NodeRef::CtesearchClause(_)
            | NodeRef::CtecycleClause(_)
            | NodeRef::MergeWhenClause(_)
            | NodeRef::PublicationObjSpec(_)
            | NodeRef::PublicationTable(_)
            | NodeRef::JsonFormat(_)
            | NodeRef::JsonValueExpr(_)
            | NodeRef::JsonIsPredicate(_)
            | NodeRef::JsonOutput(_)
            | NodeRef::JsonKeyValue(_)
            | NodeRef::JsonObjectConstructor(_)
            | NodeRef::JsonArrayConstructor(_)
            | NodeRef::JsonAggConstructor(_)
            | NodeRef::MergeSupportFunc(_)
            | NodeRef::JsonBehavior(_)
            | NodeRef::JsonArgument(_)
            | NodeRef::JsonFuncExpr(_)
            | NodeRef::JsonTablePathSpec(_)
            | NodeRef::JsonTable(_)
            | NodeRef::JsonTableColumn(_)
            | NodeRef::JsonParseExpr(_)
            | NodeRef::JsonScalarExpr(_)
            | NodeRef::JsonSerializeExpr(_) => self.below(node, place),

            // What analysis, planning and execution make of a tree.
            NodeRef::TableFunc(_)
            | NodeRef::Var(_)
            | NodeRef::Param(_)
            | NodeRef::Aggref(_)
            | NodeRef::WindowFunc(_)
            | NodeRef::SubscriptingRef(_)
            | NodeRef::FuncExpr(_)
            | NodeRef::OpExpr(_)
            | NodeRef::DistinctExpr(_)
            | NodeRef::NullIfExpr(_)
            | NodeRef::ScalarArrayOpExpr(_)
            | NodeRef::SubPlan(_)
            | NodeRef::AlternativeSubPlan(_)
            | NodeRef::FieldSelect(_)
            | NodeRef::FieldStore(_)
            | NodeRef::RelabelType(_)
            | NodeRef::CoerceViaIo(_)
            | NodeRef::ArrayCoerceExpr(_)
            | NodeRef::ConvertRowtypeExpr(_)
            | NodeRef::CollateExpr(_)
            | NodeRef::CaseTestExpr(_)
            | NodeRef::ArrayExpr(_)
            | NodeRef::RowCompareExpr(_)
            | NodeRef::CoerceToDomain(_)
            | NodeRef::CoerceToDomainValue(_)
            | NodeRef::NextValueExpr(_)
            | NodeRef::InferenceElem(_)
            | NodeRef::TargetEntry(_)
            | NodeRef::RangeTblRef(_)
            | NodeRef::FromExpr(_)
            | NodeRef::OnConflictExpr(_)
            | NodeRef::RawStmt(_)
            | NodeRef::Query(_)
            | NodeRef::SetOperationStmt(_)
            | NodeRef::RangeTblEntry(_)
            | NodeRef::RangeTblFunction(_)
            | NodeRef::TableSampleClause(_)
            | NodeRef::WithCheckOption(_)
            | NodeRef::SortGroupClause(_)
            | NodeRef::WindowClause(_)
            | NodeRef::RowMarkClause(_)
            | NodeRef::InlineCodeBlock(_)
            | NodeRef::CallContext(_)
            | NodeRef::IntList(_)
            | NodeRef::OidList(_)
            | NodeRef::MergeAction(_)
            | NodeRef::ReturningExpr(_)
            | NodeRef::PlassignStmt(_)
            | NodeRef::JsonReturning(_)
            | NodeRef::JsonConstructorExpr(_)
            | NodeRef::RtepermissionInfo(_)
            | NodeRef::WindowFuncRunCondition(_)
            | NodeRef::JsonExpr(_)
            | NodeRef::JsonTablePath(_)
            | NodeRef::JsonTablePathScan(_)
            | NodeRef::JsonTableSiblingJoin(_) => self.make_opaque(Opaque::UnknownNode),
        }
    }

    /// A statement that is what its kind says.
    fn utility(&mut self, kind: &'static str, effects: EffectSet, how: How, node: NodeRef<'t>, place: Place) {
        self.kind(kind);
        self.effect(place, effects);
        self.below(node, place.with_how(how));
    }

    /// A setting for sessions to come.
    fn set_later(&mut self, kind: &'static str, effects: EffectSet, set: Option<&'t VariableSetStmt>, place: Place) {
        self.kind(kind);
        self.effect(place, effects);
        let Some(set) = set else { return self.make_opaque(Opaque::UnknownNode) };
        let from = self.statement.settings.len();
        self.set(set, place.with_how(How::Read));
        let told: Vec<_> = self.statement.settings.iter().skip(from).map(|setting| (setting.name.clone(), setting.value.clone())).collect();
        for (name, value) in told {
            self.effect(place, super::super::settings::judge(&name, &value).and(Effect::Guard.into()));
        }
    }
}

/// What the commands for an object are called, and what making or dropping one does.
pub struct Object {
    pub create: &'static str,
    pub alter: &'static str,
    pub drop: &'static str,
    pub effects: EffectSet,
}

pub fn object(kind: i32) -> Object {
    match ObjectType::try_from(kind) {
        Ok(ObjectType::ObjectAccessMethod) => {
            Object { create: "CREATE ACCESS METHOD", alter: "ALTER ACCESS METHOD", drop: "DROP ACCESS METHOD", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectAggregate) => {
            Object { create: "CREATE AGGREGATE", alter: "ALTER AGGREGATE", drop: "DROP AGGREGATE", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectAmop) => {
            Object { create: "CREATE OPERATOR FAMILY", alter: "ALTER OPERATOR FAMILY", drop: "DROP OPERATOR FAMILY", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectAmproc) => {
            Object { create: "CREATE OPERATOR FAMILY", alter: "ALTER OPERATOR FAMILY", drop: "DROP OPERATOR FAMILY", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectAttribute) => Object { create: "CREATE TYPE", alter: "ALTER TYPE", drop: "DROP TYPE", effects: DDL },
        Ok(ObjectType::ObjectCast) => Object { create: "CREATE CAST", alter: "ALTER CAST", drop: "DROP CAST", effects: DDL_CODE },
        Ok(ObjectType::ObjectColumn) => Object { create: "CREATE TABLE", alter: "ALTER TABLE", drop: "DROP TABLE", effects: DDL },
        Ok(ObjectType::ObjectCollation) => {
            Object { create: "CREATE COLLATION", alter: "ALTER COLLATION", drop: "DROP COLLATION", effects: DDL }
        }
        Ok(ObjectType::ObjectConversion) => {
            Object { create: "CREATE CONVERSION", alter: "ALTER CONVERSION", drop: "DROP CONVERSION", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectDatabase) => {
            Object { create: "CREATE DATABASE", alter: "ALTER DATABASE", drop: "DROP DATABASE", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectDefault) => Object { create: "CREATE TABLE", alter: "ALTER TABLE", drop: "DROP TABLE", effects: DDL },
        Ok(ObjectType::ObjectDefacl) => Object {
            create: "CREATE DEFAULT PRIVILEGES",
            alter: "ALTER DEFAULT PRIVILEGES",
            drop: "DROP DEFAULT PRIVILEGES",
            effects: DDL_PRIVILEGE,
        },
        Ok(ObjectType::ObjectDomain) => Object { create: "CREATE DOMAIN", alter: "ALTER DOMAIN", drop: "DROP DOMAIN", effects: DDL },
        Ok(ObjectType::ObjectDomconstraint) => Object { create: "CREATE DOMAIN", alter: "ALTER DOMAIN", drop: "DROP DOMAIN", effects: DDL },
        Ok(ObjectType::ObjectEventTrigger) => {
            Object { create: "CREATE EVENT TRIGGER", alter: "ALTER EVENT TRIGGER", drop: "DROP EVENT TRIGGER", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectExtension) => {
            Object { create: "CREATE EXTENSION", alter: "ALTER EXTENSION", drop: "DROP EXTENSION", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectFdw) => Object {
            create: "CREATE FOREIGN DATA WRAPPER",
            alter: "ALTER FOREIGN DATA WRAPPER",
            drop: "DROP FOREIGN DATA WRAPPER",
            effects: DDL_CODE,
        },
        Ok(ObjectType::ObjectForeignServer) => {
            Object { create: "CREATE SERVER", alter: "ALTER SERVER", drop: "DROP SERVER", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectForeignTable) => {
            Object { create: "CREATE FOREIGN TABLE", alter: "ALTER FOREIGN TABLE", drop: "DROP FOREIGN TABLE", effects: DDL }
        }
        Ok(ObjectType::ObjectFunction) => {
            Object { create: "CREATE FUNCTION", alter: "ALTER FUNCTION", drop: "DROP FUNCTION", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectIndex) => Object { create: "CREATE INDEX", alter: "ALTER INDEX", drop: "DROP INDEX", effects: DDL },
        Ok(ObjectType::ObjectLanguage) => {
            Object { create: "CREATE LANGUAGE", alter: "ALTER LANGUAGE", drop: "DROP LANGUAGE", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectLargeobject) => {
            Object { create: "CREATE LARGE OBJECT", alter: "ALTER LARGE OBJECT", drop: "DROP LARGE OBJECT", effects: DDL }
        }
        Ok(ObjectType::ObjectMatview) => {
            Object { create: "CREATE MATERIALIZED VIEW", alter: "ALTER MATERIALIZED VIEW", drop: "DROP MATERIALIZED VIEW", effects: DDL }
        }
        Ok(ObjectType::ObjectOpclass) => {
            Object { create: "CREATE OPERATOR CLASS", alter: "ALTER OPERATOR CLASS", drop: "DROP OPERATOR CLASS", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectOperator) => {
            Object { create: "CREATE OPERATOR", alter: "ALTER OPERATOR", drop: "DROP OPERATOR", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectOpfamily) => {
            Object { create: "CREATE OPERATOR FAMILY", alter: "ALTER OPERATOR FAMILY", drop: "DROP OPERATOR FAMILY", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectParameterAcl) => {
            Object { create: "CREATE PARAMETER", alter: "ALTER PARAMETER", drop: "DROP PARAMETER", effects: DDL_PRIVILEGE }
        }
        Ok(ObjectType::ObjectPolicy) => {
            Object { create: "CREATE POLICY", alter: "ALTER POLICY", drop: "DROP POLICY", effects: DDL_PRIVILEGE }
        }
        Ok(ObjectType::ObjectProcedure) => {
            Object { create: "CREATE PROCEDURE", alter: "ALTER PROCEDURE", drop: "DROP PROCEDURE", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectPublication) => {
            Object { create: "CREATE PUBLICATION", alter: "ALTER PUBLICATION", drop: "DROP PUBLICATION", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectPublicationNamespace) => {
            Object { create: "CREATE PUBLICATION", alter: "ALTER PUBLICATION", drop: "DROP PUBLICATION", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectPublicationRel) => {
            Object { create: "CREATE PUBLICATION", alter: "ALTER PUBLICATION", drop: "DROP PUBLICATION", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectRole) => Object { create: "CREATE ROLE", alter: "ALTER ROLE", drop: "DROP ROLE", effects: DDL_PRIVILEGE },
        Ok(ObjectType::ObjectRoutine) => {
            Object { create: "CREATE ROUTINE", alter: "ALTER ROUTINE", drop: "DROP ROUTINE", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectRule) => Object { create: "CREATE RULE", alter: "ALTER RULE", drop: "DROP RULE", effects: DDL_CODE },
        Ok(ObjectType::ObjectSchema) => Object { create: "CREATE SCHEMA", alter: "ALTER SCHEMA", drop: "DROP SCHEMA", effects: DDL },
        Ok(ObjectType::ObjectSequence) => {
            Object { create: "CREATE SEQUENCE", alter: "ALTER SEQUENCE", drop: "DROP SEQUENCE", effects: DDL }
        }
        Ok(ObjectType::ObjectSubscription) => {
            Object { create: "CREATE SUBSCRIPTION", alter: "ALTER SUBSCRIPTION", drop: "DROP SUBSCRIPTION", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectStatisticExt) => {
            Object { create: "CREATE STATISTICS", alter: "ALTER STATISTICS", drop: "DROP STATISTICS", effects: DDL }
        }
        Ok(ObjectType::ObjectTabconstraint) => Object { create: "CREATE TABLE", alter: "ALTER TABLE", drop: "DROP TABLE", effects: DDL },
        Ok(ObjectType::ObjectTable) => Object { create: "CREATE TABLE", alter: "ALTER TABLE", drop: "DROP TABLE", effects: DDL },
        Ok(ObjectType::ObjectTablespace) => {
            Object { create: "CREATE TABLESPACE", alter: "ALTER TABLESPACE", drop: "DROP TABLESPACE", effects: DDL_ADMIN }
        }
        Ok(ObjectType::ObjectTransform) => {
            Object { create: "CREATE TRANSFORM", alter: "ALTER TRANSFORM", drop: "DROP TRANSFORM", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectTrigger) => {
            Object { create: "CREATE TRIGGER", alter: "ALTER TRIGGER", drop: "DROP TRIGGER", effects: DDL_CODE }
        }
        Ok(ObjectType::ObjectTsconfiguration) => Object {
            create: "CREATE TEXT SEARCH CONFIGURATION",
            alter: "ALTER TEXT SEARCH CONFIGURATION",
            drop: "DROP TEXT SEARCH CONFIGURATION",
            effects: DDL,
        },
        Ok(ObjectType::ObjectTsdictionary) => Object {
            create: "CREATE TEXT SEARCH DICTIONARY",
            alter: "ALTER TEXT SEARCH DICTIONARY",
            drop: "DROP TEXT SEARCH DICTIONARY",
            effects: DDL,
        },
        Ok(ObjectType::ObjectTsparser) => Object {
            create: "CREATE TEXT SEARCH PARSER",
            alter: "ALTER TEXT SEARCH PARSER",
            drop: "DROP TEXT SEARCH PARSER",
            effects: DDL_CODE,
        },
        Ok(ObjectType::ObjectTstemplate) => Object {
            create: "CREATE TEXT SEARCH TEMPLATE",
            alter: "ALTER TEXT SEARCH TEMPLATE",
            drop: "DROP TEXT SEARCH TEMPLATE",
            effects: DDL_CODE,
        },
        Ok(ObjectType::ObjectType) => Object { create: "CREATE TYPE", alter: "ALTER TYPE", drop: "DROP TYPE", effects: DDL },
        Ok(ObjectType::ObjectUserMapping) => {
            Object { create: "CREATE USER MAPPING", alter: "ALTER USER MAPPING", drop: "DROP USER MAPPING", effects: DDL_PRIVILEGE }
        }
        Ok(ObjectType::ObjectView) => Object { create: "CREATE VIEW", alter: "ALTER VIEW", drop: "DROP VIEW", effects: DDL },
        Ok(ObjectType::Undefined) | Err(_) => Object { create: "CREATE", alter: "ALTER", drop: "DROP", effects: Effect::Opaque.alone() },
    }
}
