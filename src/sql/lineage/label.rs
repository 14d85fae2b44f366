//! The name that a server gives an output column where the statement gives none.
#![allow(clippy::wildcard_enum_match_arm, reason = "what has no name of its own is called by what a server calls all such")]

use super::super::parser::tree::{MinMaxOp, Node, NodeRef, SqlValueFunctionOp, SubLinkType, XmlExprOp};
use crate::sql::walk::names;

pub fn of(node: &Node) -> Box<str> {
    find(node).0.unwrap_or("?column?").into()
}

/// A name, and whether it is one that nothing better takes the place of.
fn find(node: &Node) -> (Option<&str>, bool) {
    let Some(node) = node.node.as_ref() else { return (None, false) };
    let sure = |name| (Some(name), true);
    let weak = |name| (Some(name), false);
    match node.to_ref() {
        NodeRef::ColumnRef(column) => (column.fields.iter().rev().find_map(names::text), true),
        NodeRef::AIndirection(indirection) => match indirection.indirection.iter().rev().find_map(names::text) {
            Some(name) => sure(name),
            None => indirection.arg.as_deref().map_or((None, false), find),
        },
        NodeRef::FuncCall(call) => (call.funcname.last().and_then(names::text), true),
        NodeRef::AExpr(expression) if expression.kind == super::super::parser::tree::AExprKind::AexprNullif as i32 => sure("nullif"),
        NodeRef::TypeCast(cast) => match cast.arg.as_deref().map_or((None, false), find) {
            (Some(name), true) => sure(name),
            _ => (cast.type_name.as_ref().and_then(|name| name.names.last()).and_then(names::text), false),
        },
        NodeRef::CollateClause(collate) => collate.arg.as_deref().map_or((None, false), find),
        NodeRef::GroupingFunc(_) => sure("grouping"),
        NodeRef::MergeSupportFunc(_) => sure("merge_action"),
        NodeRef::SubLink(link) => match SubLinkType::try_from(link.sub_link_type) {
            Ok(SubLinkType::ExistsSublink) => sure("exists"),
            Ok(SubLinkType::ArraySublink) => sure("array"),
            Ok(SubLinkType::ExprSublink) => match link.subselect.as_deref().and_then(first_target) {
                Some((name, _)) if !name.is_empty() => sure(name),
                Some((_, value)) => value.map_or((None, false), find),
                None => (None, false),
            },
            Ok(_) | Err(_) => (None, false),
        },
        NodeRef::CaseExpr(case) => match case.defresult.as_deref().map_or((None, false), find) {
            (Some(name), true) => sure(name),
            _ => weak("case"),
        },
        NodeRef::AArrayExpr(_) => sure("array"),
        NodeRef::RowExpr(_) => sure("row"),
        NodeRef::CoalesceExpr(_) => sure("coalesce"),
        NodeRef::MinMaxExpr(minmax) => sure(if minmax.op == MinMaxOp::IsLeast as i32 { "least" } else { "greatest" }),
        NodeRef::SqlvalueFunction(value) => (sql_value(value.op), true),
        NodeRef::XmlExpr(xml) => match XmlExprOp::try_from(xml.op) {
            Ok(XmlExprOp::IsXmlconcat) => sure("xmlconcat"),
            Ok(XmlExprOp::IsXmlelement) => sure("xmlelement"),
            Ok(XmlExprOp::IsXmlforest) => sure("xmlforest"),
            Ok(XmlExprOp::IsXmlparse) => sure("xmlparse"),
            Ok(XmlExprOp::IsXmlpi) => sure("xmlpi"),
            Ok(XmlExprOp::IsXmlroot) => sure("xmlroot"),
            Ok(XmlExprOp::IsXmlserialize) => sure("xmlserialize"),
            Ok(XmlExprOp::IsDocument | XmlExprOp::Undefined) | Err(_) => (None, false),
        },
        NodeRef::XmlSerialize(_) => sure("xmlserialize"),
        NodeRef::JsonParseExpr(_) => sure("json"),
        NodeRef::JsonScalarExpr(_) => sure("json_scalar"),
        NodeRef::JsonSerializeExpr(_) => sure("json_serialize"),
        NodeRef::JsonObjectConstructor(_) => sure("json_object"),
        NodeRef::JsonArrayConstructor(_) | NodeRef::JsonArrayQueryConstructor(_) => sure("json_array"),
        NodeRef::JsonObjectAgg(_) => sure("json_objectagg"),
        NodeRef::JsonArrayAgg(_) => sure("json_arrayagg"),
        NodeRef::JsonFuncExpr(function) => match function.op {
            1 => sure("json_exists"),
            2 => sure("json_query"),
            3 => sure("json_value"),
            _ => (None, false),
        },
        _ => (None, false),
    }
}

/// The first target of a query, by its first arm.
fn first_target(node: &Node) -> Option<(&str, Option<&Node>)> {
    let NodeRef::SelectStmt(mut select) = node.node.as_ref()?.to_ref() else { return None };
    while let Some(left) = select.larg.as_deref() {
        select = left;
    }
    if !select.values_lists.is_empty() {
        return Some(("column1", None));
    }
    let NodeRef::ResTarget(target) = select.target_list.first()?.node.as_ref()?.to_ref() else { return None };
    Some((&target.name, target.val.as_deref()))
}

fn sql_value(op: i32) -> Option<&'static str> {
    use SqlValueFunctionOp as Op;
    match Op::try_from(op) {
        Ok(Op::SvfopCurrentDate) => Some("current_date"),
        Ok(Op::SvfopCurrentTime | Op::SvfopCurrentTimeN) => Some("current_time"),
        Ok(Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN) => Some("current_timestamp"),
        Ok(Op::SvfopLocaltime | Op::SvfopLocaltimeN) => Some("localtime"),
        Ok(Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN) => Some("localtimestamp"),
        Ok(Op::SvfopCurrentRole) => Some("current_role"),
        Ok(Op::SvfopCurrentUser) => Some("current_user"),
        Ok(Op::SvfopUser) => Some("user"),
        Ok(Op::SvfopSessionUser) => Some("session_user"),
        Ok(Op::SvfopCurrentCatalog) => Some("current_catalog"),
        Ok(Op::SvfopCurrentSchema) => Some("current_schema"),
        Ok(Op::SqlvalueFunctionOpUndefined) | Err(_) => None,
    }
}
