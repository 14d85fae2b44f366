//! How long a message of each kind may be, one setting for each kind that people may want to change.

use super::reader::Reader;
use super::value::Size;
use crate::wire::limits::{ClientLimits, ServerLimits};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub client: ClientLimits,
    pub server: ServerLimits,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (client, server) = (ClientLimits::default(), ServerLimits::default());
        let mut size = |kind: &str, default: usize| reader.get(&format!("limits.max_{kind}_length"), Size(default)).0;
        Self {
            client: ClientLimits {
                query: size("query", client.query),
                parse: size("parse", client.parse),
                bind: size("bind", client.bind),
                describe: size("describe", client.describe),
                execute: size("execute", client.execute),
                close: size("close", client.close),
                copy_data: size("copy_in", client.copy_data),
                copy_fail: size("copy_fail", client.copy_fail),
                password: size("password", client.password),
                function_call: size("function_call", client.function_call),
            },
            server: ServerLimits {
                data_row: size("data_row", server.data_row),
                copy_data: size("copy_out", server.copy_data),
                row_description: size("row_description", server.row_description),
                parameter_description: size("parameter_description", server.parameter_description),
                notice: size("notice", server.notice),
                notification: size("notification", server.notification),
                parameter_status: size("parameter_status", server.parameter_status),
                authentication: size("authentication", server.authentication),
                command_complete: size("command_complete", server.command_complete),
                copy_response: size("copy_response", server.copy_response),
            },
        }
    }
}
