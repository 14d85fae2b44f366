//! The nodes directly below a node, for every kind of node there is. Written by fixtures/sql/children.py; it knows nothing of meaning.

use super::super::parser::tree::{Node, NodeRef};

/// A kind of node that no text is read as: nothing is known of what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

fn many<'t>(nodes: &'t [Node], found: &mut impl FnMut(NodeRef<'t>)) {
    for node in nodes {
        if let Some(below) = &node.node {
            found(below.to_ref());
        }
    }
}

fn one<'t>(node: &'t Option<Box<Node>>, found: &mut impl FnMut(NodeRef<'t>)) {
    if let Some(below) = node.as_ref().and_then(|node| node.node.as_ref()) {
        found(below.to_ref());
    }
}

/// Calls `found` with each node below this one, in the order of the tree's definition.
pub fn below<'t>(node: NodeRef<'t>, found: &mut impl FnMut(NodeRef<'t>)) -> Result<(), Unknown> {
    match node {
        NodeRef::Alias(node) => {
            many(&node.colnames, found);
        }
        NodeRef::RangeVar(node) => {
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
        }
        NodeRef::GroupingFunc(node) => {
            one(&node.xpr, found);
            many(&node.args, found);
            many(&node.refs, found);
        }
        NodeRef::NamedArgExpr(node) => {
            one(&node.xpr, found);
            one(&node.arg, found);
        }
        NodeRef::BoolExpr(node) => {
            one(&node.xpr, found);
            many(&node.args, found);
        }
        NodeRef::SubLink(node) => {
            one(&node.xpr, found);
            one(&node.testexpr, found);
            many(&node.oper_name, found);
            one(&node.subselect, found);
        }
        NodeRef::CaseExpr(node) => {
            one(&node.xpr, found);
            one(&node.arg, found);
            many(&node.args, found);
            one(&node.defresult, found);
        }
        NodeRef::CaseWhen(node) => {
            one(&node.xpr, found);
            one(&node.expr, found);
            one(&node.result, found);
        }
        NodeRef::RowExpr(node) => {
            one(&node.xpr, found);
            many(&node.args, found);
            many(&node.colnames, found);
        }
        NodeRef::CoalesceExpr(node) => {
            one(&node.xpr, found);
            many(&node.args, found);
        }
        NodeRef::MinMaxExpr(node) => {
            one(&node.xpr, found);
            many(&node.args, found);
        }
        NodeRef::SqlvalueFunction(node) => {
            one(&node.xpr, found);
        }
        NodeRef::XmlExpr(node) => {
            one(&node.xpr, found);
            many(&node.named_args, found);
            many(&node.arg_names, found);
            many(&node.args, found);
        }
        NodeRef::NullTest(node) => {
            one(&node.xpr, found);
            one(&node.arg, found);
        }
        NodeRef::BooleanTest(node) => {
            one(&node.xpr, found);
            one(&node.arg, found);
        }
        NodeRef::SetToDefault(node) => {
            one(&node.xpr, found);
        }
        NodeRef::CurrentOfExpr(node) => {
            one(&node.xpr, found);
        }
        NodeRef::JoinExpr(node) => {
            one(&node.larg, found);
            one(&node.rarg, found);
            many(&node.using_clause, found);
            if let Some(below) = &node.join_using_alias {
                found(NodeRef::Alias(below));
            }
            one(&node.quals, found);
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
        }
        NodeRef::IntoClause(node) => {
            if let Some(below) = &node.rel {
                found(NodeRef::RangeVar(below));
            }
            many(&node.col_names, found);
            many(&node.options, found);
        }
        NodeRef::InsertStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.cols, found);
            one(&node.select_stmt, found);
            if let Some(below) = &node.on_conflict_clause {
                found(NodeRef::OnConflictClause(below));
            }
            if let Some(below) = &node.returning_clause {
                found(NodeRef::ReturningClause(below));
            }
            if let Some(below) = &node.with_clause {
                found(NodeRef::WithClause(below));
            }
        }
        NodeRef::DeleteStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.using_clause, found);
            one(&node.where_clause, found);
            if let Some(below) = &node.returning_clause {
                found(NodeRef::ReturningClause(below));
            }
            if let Some(below) = &node.with_clause {
                found(NodeRef::WithClause(below));
            }
        }
        NodeRef::UpdateStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.target_list, found);
            one(&node.where_clause, found);
            many(&node.from_clause, found);
            if let Some(below) = &node.returning_clause {
                found(NodeRef::ReturningClause(below));
            }
            if let Some(below) = &node.with_clause {
                found(NodeRef::WithClause(below));
            }
        }
        NodeRef::SelectStmt(node) => {
            many(&node.distinct_clause, found);
            if let Some(below) = &node.into_clause {
                found(NodeRef::IntoClause(below));
            }
            many(&node.target_list, found);
            many(&node.from_clause, found);
            one(&node.where_clause, found);
            many(&node.group_clause, found);
            one(&node.having_clause, found);
            many(&node.window_clause, found);
            many(&node.values_lists, found);
            many(&node.sort_clause, found);
            one(&node.limit_offset, found);
            one(&node.limit_count, found);
            many(&node.locking_clause, found);
            if let Some(below) = &node.with_clause {
                found(NodeRef::WithClause(below));
            }
            if let Some(below) = &node.larg {
                found(NodeRef::SelectStmt(below));
            }
            if let Some(below) = &node.rarg {
                found(NodeRef::SelectStmt(below));
            }
        }
        NodeRef::AlterTableStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.cmds, found);
        }
        NodeRef::AlterTableCmd(node) => {
            if let Some(below) = &node.newowner {
                found(NodeRef::RoleSpec(below));
            }
            one(&node.def, found);
        }
        NodeRef::AlterDomainStmt(node) => {
            many(&node.type_name, found);
            one(&node.def, found);
        }
        NodeRef::GrantStmt(node) => {
            many(&node.objects, found);
            many(&node.privileges, found);
            many(&node.grantees, found);
            if let Some(below) = &node.grantor {
                found(NodeRef::RoleSpec(below));
            }
        }
        NodeRef::GrantRoleStmt(node) => {
            many(&node.granted_roles, found);
            many(&node.grantee_roles, found);
            many(&node.opt, found);
            if let Some(below) = &node.grantor {
                found(NodeRef::RoleSpec(below));
            }
        }
        NodeRef::AlterDefaultPrivilegesStmt(node) => {
            many(&node.options, found);
            if let Some(below) = &node.action {
                found(NodeRef::GrantStmt(below));
            }
        }
        NodeRef::ClusterStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.params, found);
        }
        NodeRef::CopyStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.query, found);
            many(&node.attlist, found);
            many(&node.options, found);
            one(&node.where_clause, found);
        }
        NodeRef::CreateStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.table_elts, found);
            many(&node.inh_relations, found);
            if let Some(below) = &node.partbound {
                found(NodeRef::PartitionBoundSpec(below));
            }
            if let Some(below) = &node.partspec {
                found(NodeRef::PartitionSpec(below));
            }
            if let Some(below) = &node.of_typename {
                found(NodeRef::TypeName(below));
            }
            many(&node.constraints, found);
            many(&node.nnconstraints, found);
            many(&node.options, found);
        }
        NodeRef::DefineStmt(node) => {
            many(&node.defnames, found);
            many(&node.args, found);
            many(&node.definition, found);
        }
        NodeRef::DropStmt(node) => {
            many(&node.objects, found);
        }
        NodeRef::TruncateStmt(node) => {
            many(&node.relations, found);
        }
        NodeRef::CommentStmt(node) => {
            one(&node.object, found);
        }
        NodeRef::IndexStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.index_params, found);
            many(&node.index_including_params, found);
            many(&node.options, found);
            one(&node.where_clause, found);
            many(&node.exclude_op_names, found);
        }
        NodeRef::CreateFunctionStmt(node) => {
            many(&node.funcname, found);
            many(&node.parameters, found);
            if let Some(below) = &node.return_type {
                found(NodeRef::TypeName(below));
            }
            many(&node.options, found);
            one(&node.sql_body, found);
        }
        NodeRef::AlterFunctionStmt(node) => {
            if let Some(below) = &node.func {
                found(NodeRef::ObjectWithArgs(below));
            }
            many(&node.actions, found);
        }
        NodeRef::DoStmt(node) => {
            many(&node.args, found);
        }
        NodeRef::RenameStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.object, found);
        }
        NodeRef::RuleStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.where_clause, found);
            many(&node.actions, found);
        }
        NodeRef::TransactionStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::ViewStmt(node) => {
            if let Some(below) = &node.view {
                found(NodeRef::RangeVar(below));
            }
            many(&node.aliases, found);
            one(&node.query, found);
            many(&node.options, found);
        }
        NodeRef::CreateDomainStmt(node) => {
            many(&node.domainname, found);
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
            if let Some(below) = &node.coll_clause {
                found(NodeRef::CollateClause(below));
            }
            many(&node.constraints, found);
        }
        NodeRef::CreatedbStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::DropdbStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::VacuumStmt(node) => {
            many(&node.options, found);
            many(&node.rels, found);
        }
        NodeRef::ExplainStmt(node) => {
            one(&node.query, found);
            many(&node.options, found);
        }
        NodeRef::CreateTableAsStmt(node) => {
            one(&node.query, found);
            if let Some(below) = &node.into {
                found(NodeRef::IntoClause(below));
            }
        }
        NodeRef::CreateSeqStmt(node) => {
            if let Some(below) = &node.sequence {
                found(NodeRef::RangeVar(below));
            }
            many(&node.options, found);
        }
        NodeRef::AlterSeqStmt(node) => {
            if let Some(below) = &node.sequence {
                found(NodeRef::RangeVar(below));
            }
            many(&node.options, found);
        }
        NodeRef::VariableSetStmt(node) => {
            many(&node.args, found);
        }
        NodeRef::CreateTrigStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.funcname, found);
            many(&node.args, found);
            many(&node.columns, found);
            one(&node.when_clause, found);
            many(&node.transition_rels, found);
            if let Some(below) = &node.constrrel {
                found(NodeRef::RangeVar(below));
            }
        }
        NodeRef::CreatePlangStmt(node) => {
            many(&node.plhandler, found);
            many(&node.plinline, found);
            many(&node.plvalidator, found);
        }
        NodeRef::CreateRoleStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterRoleStmt(node) => {
            if let Some(below) = &node.role {
                found(NodeRef::RoleSpec(below));
            }
            many(&node.options, found);
        }
        NodeRef::DropRoleStmt(node) => {
            many(&node.roles, found);
        }
        NodeRef::LockStmt(node) => {
            many(&node.relations, found);
        }
        NodeRef::ConstraintsSetStmt(node) => {
            many(&node.constraints, found);
        }
        NodeRef::ReindexStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.params, found);
        }
        NodeRef::CreateSchemaStmt(node) => {
            if let Some(below) = &node.authrole {
                found(NodeRef::RoleSpec(below));
            }
            many(&node.schema_elts, found);
        }
        NodeRef::AlterDatabaseStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterDatabaseSetStmt(node) => {
            if let Some(below) = &node.setstmt {
                found(NodeRef::VariableSetStmt(below));
            }
        }
        NodeRef::AlterRoleSetStmt(node) => {
            if let Some(below) = &node.role {
                found(NodeRef::RoleSpec(below));
            }
            if let Some(below) = &node.setstmt {
                found(NodeRef::VariableSetStmt(below));
            }
        }
        NodeRef::CreateConversionStmt(node) => {
            many(&node.conversion_name, found);
            many(&node.func_name, found);
        }
        NodeRef::CreateCastStmt(node) => {
            if let Some(below) = &node.sourcetype {
                found(NodeRef::TypeName(below));
            }
            if let Some(below) = &node.targettype {
                found(NodeRef::TypeName(below));
            }
            if let Some(below) = &node.func {
                found(NodeRef::ObjectWithArgs(below));
            }
        }
        NodeRef::CreateOpClassStmt(node) => {
            many(&node.opclassname, found);
            many(&node.opfamilyname, found);
            if let Some(below) = &node.datatype {
                found(NodeRef::TypeName(below));
            }
            many(&node.items, found);
        }
        NodeRef::CreateOpFamilyStmt(node) => {
            many(&node.opfamilyname, found);
        }
        NodeRef::AlterOpFamilyStmt(node) => {
            many(&node.opfamilyname, found);
            many(&node.items, found);
        }
        NodeRef::PrepareStmt(node) => {
            many(&node.argtypes, found);
            one(&node.query, found);
        }
        NodeRef::ExecuteStmt(node) => {
            many(&node.params, found);
        }
        NodeRef::DeclareCursorStmt(node) => {
            one(&node.query, found);
        }
        NodeRef::CreateTableSpaceStmt(node) => {
            if let Some(below) = &node.owner {
                found(NodeRef::RoleSpec(below));
            }
            many(&node.options, found);
        }
        NodeRef::AlterObjectDependsStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.object, found);
            if let Some(below) = &node.extname {
                found(NodeRef::String(below));
            }
        }
        NodeRef::AlterObjectSchemaStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.object, found);
        }
        NodeRef::AlterOwnerStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.object, found);
            if let Some(below) = &node.newowner {
                found(NodeRef::RoleSpec(below));
            }
        }
        NodeRef::AlterOperatorStmt(node) => {
            if let Some(below) = &node.opername {
                found(NodeRef::ObjectWithArgs(below));
            }
            many(&node.options, found);
        }
        NodeRef::AlterTypeStmt(node) => {
            many(&node.type_name, found);
            many(&node.options, found);
        }
        NodeRef::DropOwnedStmt(node) => {
            many(&node.roles, found);
        }
        NodeRef::ReassignOwnedStmt(node) => {
            many(&node.roles, found);
            if let Some(below) = &node.newrole {
                found(NodeRef::RoleSpec(below));
            }
        }
        NodeRef::CompositeTypeStmt(node) => {
            if let Some(below) = &node.typevar {
                found(NodeRef::RangeVar(below));
            }
            many(&node.coldeflist, found);
        }
        NodeRef::CreateEnumStmt(node) => {
            many(&node.type_name, found);
            many(&node.vals, found);
        }
        NodeRef::CreateRangeStmt(node) => {
            many(&node.type_name, found);
            many(&node.params, found);
        }
        NodeRef::AlterEnumStmt(node) => {
            many(&node.type_name, found);
        }
        NodeRef::AlterTsdictionaryStmt(node) => {
            many(&node.dictname, found);
            many(&node.options, found);
        }
        NodeRef::AlterTsconfigurationStmt(node) => {
            many(&node.cfgname, found);
            many(&node.tokentype, found);
            many(&node.dicts, found);
        }
        NodeRef::CreateFdwStmt(node) => {
            many(&node.func_options, found);
            many(&node.options, found);
        }
        NodeRef::AlterFdwStmt(node) => {
            many(&node.func_options, found);
            many(&node.options, found);
        }
        NodeRef::CreateForeignServerStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterForeignServerStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::CreateUserMappingStmt(node) => {
            if let Some(below) = &node.user {
                found(NodeRef::RoleSpec(below));
            }
            many(&node.options, found);
        }
        NodeRef::AlterUserMappingStmt(node) => {
            if let Some(below) = &node.user {
                found(NodeRef::RoleSpec(below));
            }
            many(&node.options, found);
        }
        NodeRef::DropUserMappingStmt(node) => {
            if let Some(below) = &node.user {
                found(NodeRef::RoleSpec(below));
            }
        }
        NodeRef::AlterTableSpaceOptionsStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterTableMoveAllStmt(node) => {
            many(&node.roles, found);
        }
        NodeRef::SecLabelStmt(node) => {
            one(&node.object, found);
        }
        NodeRef::CreateForeignTableStmt(node) => {
            if let Some(below) = &node.base_stmt {
                found(NodeRef::CreateStmt(below));
            }
            many(&node.options, found);
        }
        NodeRef::ImportForeignSchemaStmt(node) => {
            many(&node.table_list, found);
            many(&node.options, found);
        }
        NodeRef::CreateExtensionStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterExtensionStmt(node) => {
            many(&node.options, found);
        }
        NodeRef::AlterExtensionContentsStmt(node) => {
            one(&node.object, found);
        }
        NodeRef::CreateEventTrigStmt(node) => {
            many(&node.whenclause, found);
            many(&node.funcname, found);
        }
        NodeRef::RefreshMatViewStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
        }
        NodeRef::AlterSystemStmt(node) => {
            if let Some(below) = &node.setstmt {
                found(NodeRef::VariableSetStmt(below));
            }
        }
        NodeRef::CreatePolicyStmt(node) => {
            if let Some(below) = &node.table {
                found(NodeRef::RangeVar(below));
            }
            many(&node.roles, found);
            one(&node.qual, found);
            one(&node.with_check, found);
        }
        NodeRef::AlterPolicyStmt(node) => {
            if let Some(below) = &node.table {
                found(NodeRef::RangeVar(below));
            }
            many(&node.roles, found);
            one(&node.qual, found);
            one(&node.with_check, found);
        }
        NodeRef::CreateTransformStmt(node) => {
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
            if let Some(below) = &node.fromsql {
                found(NodeRef::ObjectWithArgs(below));
            }
            if let Some(below) = &node.tosql {
                found(NodeRef::ObjectWithArgs(below));
            }
        }
        NodeRef::CreateAmStmt(node) => {
            many(&node.handler_name, found);
        }
        NodeRef::CreatePublicationStmt(node) => {
            many(&node.options, found);
            many(&node.pubobjects, found);
        }
        NodeRef::AlterPublicationStmt(node) => {
            many(&node.options, found);
            many(&node.pubobjects, found);
        }
        NodeRef::CreateSubscriptionStmt(node) => {
            many(&node.publication, found);
            many(&node.options, found);
        }
        NodeRef::AlterSubscriptionStmt(node) => {
            many(&node.publication, found);
            many(&node.options, found);
        }
        NodeRef::CreateStatsStmt(node) => {
            many(&node.defnames, found);
            many(&node.stat_types, found);
            many(&node.exprs, found);
            many(&node.relations, found);
        }
        NodeRef::AlterCollationStmt(node) => {
            many(&node.collname, found);
        }
        NodeRef::CallStmt(node) => {
            if let Some(below) = &node.funccall {
                found(NodeRef::FuncCall(below));
            }
            many(&node.outargs, found);
        }
        NodeRef::AlterStatsStmt(node) => {
            many(&node.defnames, found);
            one(&node.stxstattarget, found);
        }
        NodeRef::AExpr(node) => {
            many(&node.name, found);
            one(&node.lexpr, found);
            one(&node.rexpr, found);
        }
        NodeRef::ColumnRef(node) => {
            many(&node.fields, found);
        }
        NodeRef::FuncCall(node) => {
            many(&node.funcname, found);
            many(&node.args, found);
            many(&node.agg_order, found);
            one(&node.agg_filter, found);
            if let Some(below) = &node.over {
                found(NodeRef::WindowDef(below));
            }
        }
        NodeRef::AIndices(node) => {
            one(&node.lidx, found);
            one(&node.uidx, found);
        }
        NodeRef::AIndirection(node) => {
            one(&node.arg, found);
            many(&node.indirection, found);
        }
        NodeRef::AArrayExpr(node) => {
            many(&node.elements, found);
        }
        NodeRef::ResTarget(node) => {
            many(&node.indirection, found);
            one(&node.val, found);
        }
        NodeRef::MultiAssignRef(node) => {
            one(&node.source, found);
        }
        NodeRef::TypeCast(node) => {
            one(&node.arg, found);
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
        }
        NodeRef::CollateClause(node) => {
            one(&node.arg, found);
            many(&node.collname, found);
        }
        NodeRef::SortBy(node) => {
            one(&node.node, found);
            many(&node.use_op, found);
        }
        NodeRef::WindowDef(node) => {
            many(&node.partition_clause, found);
            many(&node.order_clause, found);
            one(&node.start_offset, found);
            one(&node.end_offset, found);
        }
        NodeRef::RangeSubselect(node) => {
            one(&node.subquery, found);
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
        }
        NodeRef::RangeFunction(node) => {
            many(&node.functions, found);
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
            many(&node.coldeflist, found);
        }
        NodeRef::RangeTableSample(node) => {
            one(&node.relation, found);
            many(&node.method, found);
            many(&node.args, found);
            one(&node.repeatable, found);
        }
        NodeRef::RangeTableFunc(node) => {
            one(&node.docexpr, found);
            one(&node.rowexpr, found);
            many(&node.namespaces, found);
            many(&node.columns, found);
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
        }
        NodeRef::RangeTableFuncCol(node) => {
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
            one(&node.colexpr, found);
            one(&node.coldefexpr, found);
        }
        NodeRef::TypeName(node) => {
            many(&node.names, found);
            many(&node.typmods, found);
            many(&node.array_bounds, found);
        }
        NodeRef::ColumnDef(node) => {
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
            one(&node.raw_default, found);
            one(&node.cooked_default, found);
            if let Some(below) = &node.identity_sequence {
                found(NodeRef::RangeVar(below));
            }
            if let Some(below) = &node.coll_clause {
                found(NodeRef::CollateClause(below));
            }
            many(&node.constraints, found);
            many(&node.fdwoptions, found);
        }
        NodeRef::IndexElem(node) => {
            one(&node.expr, found);
            many(&node.collation, found);
            many(&node.opclass, found);
            many(&node.opclassopts, found);
        }
        NodeRef::Constraint(node) => {
            one(&node.raw_expr, found);
            many(&node.keys, found);
            many(&node.including, found);
            many(&node.exclusions, found);
            many(&node.options, found);
            one(&node.where_clause, found);
            if let Some(below) = &node.pktable {
                found(NodeRef::RangeVar(below));
            }
            many(&node.fk_attrs, found);
            many(&node.pk_attrs, found);
            many(&node.fk_del_set_cols, found);
            many(&node.old_conpfeqop, found);
        }
        NodeRef::DefElem(node) => {
            one(&node.arg, found);
        }
        NodeRef::GroupingSet(node) => {
            many(&node.content, found);
        }
        NodeRef::ObjectWithArgs(node) => {
            many(&node.objname, found);
            many(&node.objargs, found);
            many(&node.objfuncargs, found);
        }
        NodeRef::AccessPriv(node) => {
            many(&node.cols, found);
        }
        NodeRef::CreateOpClassItem(node) => {
            if let Some(below) = &node.name {
                found(NodeRef::ObjectWithArgs(below));
            }
            many(&node.order_family, found);
            many(&node.class_args, found);
            if let Some(below) = &node.storedtype {
                found(NodeRef::TypeName(below));
            }
        }
        NodeRef::TableLikeClause(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
        }
        NodeRef::FunctionParameter(node) => {
            if let Some(below) = &node.arg_type {
                found(NodeRef::TypeName(below));
            }
            one(&node.defexpr, found);
        }
        NodeRef::LockingClause(node) => {
            many(&node.locked_rels, found);
        }
        NodeRef::XmlSerialize(node) => {
            one(&node.expr, found);
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
        }
        NodeRef::WithClause(node) => {
            many(&node.ctes, found);
        }
        NodeRef::InferClause(node) => {
            many(&node.index_elems, found);
            one(&node.where_clause, found);
        }
        NodeRef::OnConflictClause(node) => {
            if let Some(below) = &node.infer {
                found(NodeRef::InferClause(below));
            }
            many(&node.target_list, found);
            one(&node.where_clause, found);
        }
        NodeRef::CommonTableExpr(node) => {
            many(&node.aliascolnames, found);
            one(&node.ctequery, found);
            if let Some(below) = &node.search_clause {
                found(NodeRef::CtesearchClause(below));
            }
            if let Some(below) = &node.cycle_clause {
                found(NodeRef::CtecycleClause(below));
            }
            many(&node.ctecolnames, found);
            many(&node.ctecoltypes, found);
            many(&node.ctecoltypmods, found);
            many(&node.ctecolcollations, found);
        }
        NodeRef::PartitionElem(node) => {
            one(&node.expr, found);
            many(&node.collation, found);
            many(&node.opclass, found);
        }
        NodeRef::PartitionSpec(node) => {
            many(&node.part_params, found);
        }
        NodeRef::PartitionBoundSpec(node) => {
            many(&node.listdatums, found);
            many(&node.lowerdatums, found);
            many(&node.upperdatums, found);
        }
        NodeRef::PartitionRangeDatum(node) => {
            one(&node.value, found);
        }
        NodeRef::PartitionCmd(node) => {
            if let Some(below) = &node.name {
                found(NodeRef::RangeVar(below));
            }
            if let Some(below) = &node.bound {
                found(NodeRef::PartitionBoundSpec(below));
            }
        }
        NodeRef::VacuumRelation(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            many(&node.va_cols, found);
        }
        NodeRef::List(node) => {
            many(&node.items, found);
        }
        NodeRef::MergeStmt(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.source_relation, found);
            one(&node.join_condition, found);
            many(&node.merge_when_clauses, found);
            if let Some(below) = &node.returning_clause {
                found(NodeRef::ReturningClause(below));
            }
            if let Some(below) = &node.with_clause {
                found(NodeRef::WithClause(below));
            }
        }
        NodeRef::ReturnStmt(node) => {
            one(&node.returnval, found);
        }
        NodeRef::ReturningClause(node) => {
            many(&node.options, found);
            many(&node.exprs, found);
        }
        NodeRef::StatsElem(node) => {
            one(&node.expr, found);
        }
        NodeRef::CtesearchClause(node) => {
            many(&node.search_col_list, found);
        }
        NodeRef::CtecycleClause(node) => {
            many(&node.cycle_col_list, found);
            one(&node.cycle_mark_value, found);
            one(&node.cycle_mark_default, found);
        }
        NodeRef::MergeWhenClause(node) => {
            one(&node.condition, found);
            many(&node.target_list, found);
            many(&node.values, found);
        }
        NodeRef::PublicationObjSpec(node) => {
            if let Some(below) = &node.pubtable {
                found(NodeRef::PublicationTable(below));
            }
        }
        NodeRef::PublicationTable(node) => {
            if let Some(below) = &node.relation {
                found(NodeRef::RangeVar(below));
            }
            one(&node.where_clause, found);
            many(&node.columns, found);
        }
        NodeRef::JsonValueExpr(node) => {
            one(&node.raw_expr, found);
            one(&node.formatted_expr, found);
            if let Some(below) = &node.format {
                found(NodeRef::JsonFormat(below));
            }
        }
        NodeRef::JsonIsPredicate(node) => {
            one(&node.expr, found);
            if let Some(below) = &node.format {
                found(NodeRef::JsonFormat(below));
            }
        }
        NodeRef::JsonOutput(node) => {
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
        }
        NodeRef::JsonKeyValue(node) => {
            one(&node.key, found);
            if let Some(below) = &node.value {
                found(NodeRef::JsonValueExpr(below));
            }
        }
        NodeRef::JsonObjectConstructor(node) => {
            many(&node.exprs, found);
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
        }
        NodeRef::JsonArrayConstructor(node) => {
            many(&node.exprs, found);
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
        }
        NodeRef::JsonArrayQueryConstructor(node) => {
            one(&node.query, found);
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
            if let Some(below) = &node.format {
                found(NodeRef::JsonFormat(below));
            }
        }
        NodeRef::JsonAggConstructor(node) => {
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
            one(&node.agg_filter, found);
            many(&node.agg_order, found);
            if let Some(below) = &node.over {
                found(NodeRef::WindowDef(below));
            }
        }
        NodeRef::JsonObjectAgg(node) => {
            if let Some(below) = &node.constructor {
                found(NodeRef::JsonAggConstructor(below));
            }
            if let Some(below) = &node.arg {
                found(NodeRef::JsonKeyValue(below));
            }
        }
        NodeRef::JsonArrayAgg(node) => {
            if let Some(below) = &node.constructor {
                found(NodeRef::JsonAggConstructor(below));
            }
            if let Some(below) = &node.arg {
                found(NodeRef::JsonValueExpr(below));
            }
        }
        NodeRef::MergeSupportFunc(node) => {
            one(&node.xpr, found);
        }
        NodeRef::JsonBehavior(node) => {
            one(&node.expr, found);
        }
        NodeRef::JsonArgument(node) => {
            if let Some(below) = &node.val {
                found(NodeRef::JsonValueExpr(below));
            }
        }
        NodeRef::JsonFuncExpr(node) => {
            if let Some(below) = &node.context_item {
                found(NodeRef::JsonValueExpr(below));
            }
            one(&node.pathspec, found);
            many(&node.passing, found);
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
            if let Some(below) = &node.on_empty {
                found(NodeRef::JsonBehavior(below));
            }
            if let Some(below) = &node.on_error {
                found(NodeRef::JsonBehavior(below));
            }
        }
        NodeRef::JsonTablePathSpec(node) => {
            one(&node.string, found);
        }
        NodeRef::JsonTable(node) => {
            if let Some(below) = &node.context_item {
                found(NodeRef::JsonValueExpr(below));
            }
            if let Some(below) = &node.pathspec {
                found(NodeRef::JsonTablePathSpec(below));
            }
            many(&node.passing, found);
            many(&node.columns, found);
            if let Some(below) = &node.on_error {
                found(NodeRef::JsonBehavior(below));
            }
            if let Some(below) = &node.alias {
                found(NodeRef::Alias(below));
            }
        }
        NodeRef::JsonTableColumn(node) => {
            if let Some(below) = &node.type_name {
                found(NodeRef::TypeName(below));
            }
            if let Some(below) = &node.pathspec {
                found(NodeRef::JsonTablePathSpec(below));
            }
            if let Some(below) = &node.format {
                found(NodeRef::JsonFormat(below));
            }
            many(&node.columns, found);
            if let Some(below) = &node.on_empty {
                found(NodeRef::JsonBehavior(below));
            }
            if let Some(below) = &node.on_error {
                found(NodeRef::JsonBehavior(below));
            }
        }
        NodeRef::JsonParseExpr(node) => {
            if let Some(below) = &node.expr {
                found(NodeRef::JsonValueExpr(below));
            }
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
        }
        NodeRef::JsonScalarExpr(node) => {
            one(&node.expr, found);
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
        }
        NodeRef::JsonSerializeExpr(node) => {
            if let Some(below) = &node.expr {
                found(NodeRef::JsonValueExpr(below));
            }
            if let Some(below) = &node.output {
                found(NodeRef::JsonOutput(below));
            }
        }
        NodeRef::ClosePortalStmt(_)
        | NodeRef::FetchStmt(_)
        | NodeRef::NotifyStmt(_)
        | NodeRef::ListenStmt(_)
        | NodeRef::UnlistenStmt(_)
        | NodeRef::LoadStmt(_)
        | NodeRef::VariableShowStmt(_)
        | NodeRef::DiscardStmt(_)
        | NodeRef::CheckPointStmt(_)
        | NodeRef::DeallocateStmt(_)
        | NodeRef::DropTableSpaceStmt(_)
        | NodeRef::AtalterConstraint(_)
        | NodeRef::AlterEventTrigStmt(_)
        | NodeRef::ReplicaIdentityStmt(_)
        | NodeRef::DropSubscriptionStmt(_)
        | NodeRef::ParamRef(_)
        | NodeRef::AConst(_)
        | NodeRef::AStar(_)
        | NodeRef::RoleSpec(_)
        | NodeRef::TriggerTransition(_)
        | NodeRef::Integer(_)
        | NodeRef::Float(_)
        | NodeRef::Boolean(_)
        | NodeRef::String(_)
        | NodeRef::BitString(_)
        | NodeRef::AlterDatabaseRefreshCollStmt(_)
        | NodeRef::ReturningOption(_)
        | NodeRef::JsonFormat(_) => {}
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
        | NodeRef::JsonTableSiblingJoin(_) => return Err(Unknown),
    }
    Ok(())
}
