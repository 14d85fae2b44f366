//! Functions of initdb that do more than read, written down by hand: what each of them does. One that is volatile and stands in neither list
//! counts as code.

use super::super::effect::Effect::{Admin, Code, Ddl, Export, Guard, Import, Session, UnboundedWrite, Write};
use super::super::effect::{Effect, EffectSet};

#[rustfmt::skip]
pub const NAMES: &[(&[Effect], &[&str])] = &[
    // Judged by its arguments where it is called; anywhere else it is what it is.
    (&[Guard], &["set_config"]),
    // SQL in a string.
    (
        &[Code],
        &["query_to_xml", "query_to_xml_and_xmlschema", "query_to_xmlschema", "ts_stat", "ts_rewrite", "plpgsql_call_handler",
          "plpgsql_inline_handler", "plpgsql_validator", "fmgr_c_validator", "fmgr_internal_validator", "fmgr_sql_validator"],
    ),
    // Whole tables by name, in one value.
    (
        &[Export],
        &["cursor_to_xml", "cursor_to_xmlschema", "table_to_xml", "table_to_xml_and_xmlschema", "table_to_xmlschema", "schema_to_xml",
          "schema_to_xml_and_xmlschema", "schema_to_xmlschema", "database_to_xml", "database_to_xml_and_xmlschema", "database_to_xmlschema"],
    ),
    // Large objects: a store beside the tables.
    (&[Export], &["lo_get", "lo_open", "loread"]),
    (
        &[Write, UnboundedWrite],
        &["lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_truncate", "lo_truncate64", "lo_unlink", "lowrite"],
    ),
    (&[Session], &["lo_close", "lo_lseek", "lo_lseek64", "lo_tell", "lo_tell64"]),
    // Files of the server.
    (&[Import, Admin], &["lo_import"]),
    (&[Export, Admin], &["lo_export"]),
    (
        &[Admin],
        &["pg_read_file", "pg_read_file_old", "pg_read_binary_file", "pg_stat_file", "pg_ls_dir", "pg_ls_archive_statusdir", "pg_ls_logdir",
          "pg_ls_logicalmapdir", "pg_ls_logicalsnapdir", "pg_ls_replslotdir", "pg_ls_summariesdir", "pg_ls_tmpdir", "pg_ls_waldir",
          "pg_hba_file_rules", "pg_ident_file_mappings", "pg_show_all_file_settings", "pg_config", "pg_current_logfile"],
    ),
    // Counters: what they give is gone, whatever becomes of the transaction.
    (&[Write, UnboundedWrite], &["nextval"]),
    (&[Ddl], &["setval", "pg_extension_config_dump", "pg_import_system_collations"]),
    // To whoever listens.
    (&[Export], &["pg_notify"]),
    // Locks and time that others wait for.
    (
        &[Admin],
        &["pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_try_advisory_lock",
          "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared", "pg_sleep", "pg_sleep_for",
          "pg_sleep_until", "pg_export_snapshot"],
    ),
    (&[Session], &["pg_advisory_unlock", "pg_advisory_unlock_all", "pg_advisory_unlock_shared", "setseed", "pg_stat_clear_snapshot",
                   "pg_stat_force_next_flush", "txid_current", "pg_current_xact_id"]),
    // The work of others, and the server.
    (
        &[Admin],
        &["pg_cancel_backend", "pg_terminate_backend", "pg_log_backend_memory_contexts", "pg_reload_conf", "pg_rotate_logfile",
          "pg_rotate_logfile_old", "pg_promote", "pg_switch_wal", "pg_create_restore_point", "pg_backup_start", "pg_backup_stop",
          "pg_start_backup", "pg_stop_backup", "pg_log_standby_snapshot", "pg_wal_replay_pause", "pg_wal_replay_resume",
          "pg_stat_reset", "pg_stat_reset_backend_stats", "pg_stat_reset_replication_slot", "pg_stat_reset_shared",
          "pg_stat_reset_single_function_counters", "pg_stat_reset_single_table_counters", "pg_stat_reset_slru",
          "pg_stat_reset_subscription_stats", "pg_clear_attribute_stats", "pg_clear_relation_stats", "pg_restore_attribute_stats",
          "pg_restore_relation_stats", "brin_desummarize_range", "brin_summarize_new_values", "brin_summarize_range",
          "gin_clean_pending_list", "pg_nextoid", "pg_stop_making_pinned_objects", "currtid2", "pg_get_sequence_data"],
    ),
    // Replication.
    (
        &[Admin],
        &["pg_copy_logical_replication_slot", "pg_copy_physical_replication_slot", "pg_create_logical_replication_slot",
          "pg_create_physical_replication_slot", "pg_drop_replication_slot", "pg_replication_origin_advance", "pg_replication_origin_create",
          "pg_replication_origin_drop", "pg_replication_origin_session_reset", "pg_replication_origin_session_setup",
          "pg_replication_origin_xact_reset", "pg_replication_origin_xact_setup", "pg_replication_slot_advance", "pg_sync_replication_slots",
          "pg_logical_emit_message"],
    ),
    (
        &[Export, Admin],
        &["pg_logical_slot_get_binary_changes", "pg_logical_slot_get_changes", "pg_logical_slot_peek_binary_changes",
          "pg_logical_slot_peek_changes"],
    ),
    (
        &[Admin],
        &["binary_upgrade_add_sub_rel_state", "binary_upgrade_create_empty_extension", "binary_upgrade_logical_slot_has_caught_up",
          "binary_upgrade_replorigin_advance", "binary_upgrade_set_missing_value", "binary_upgrade_set_next_array_pg_type_oid",
          "binary_upgrade_set_next_heap_pg_class_oid", "binary_upgrade_set_next_heap_relfilenode",
          "binary_upgrade_set_next_index_pg_class_oid", "binary_upgrade_set_next_index_relfilenode",
          "binary_upgrade_set_next_multirange_array_pg_type_oid", "binary_upgrade_set_next_multirange_pg_type_oid",
          "binary_upgrade_set_next_pg_authid_oid", "binary_upgrade_set_next_pg_enum_oid", "binary_upgrade_set_next_pg_tablespace_oid",
          "binary_upgrade_set_next_pg_type_oid", "binary_upgrade_set_next_toast_pg_class_oid", "binary_upgrade_set_next_toast_relfilenode",
          "binary_upgrade_set_record_init_privs"],
    ),
];

/// Volatile, because what they tell changes under the eyes of a transaction, and no more than that; or such that no statement can call them,
/// for want of an argument of their type.
#[rustfmt::skip]
pub const HARMLESS: &[&str] = &[
    "array_sample", "array_shuffle", "clock_timestamp", "current_query", "currval", "gen_random_uuid", "lastval", "random", "random_normal",
    "timeofday", "timezone", "uuidv4", "uuidv7", "amvalidate", "pg_available_wal_summaries", "pg_blocking_pids",
    "pg_collation_actual_version", "pg_control_checkpoint", "pg_control_init", "pg_control_recovery", "pg_control_system",
    "pg_current_wal_flush_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_lsn", "pg_database_collation_actual_version",
    "pg_database_size", "pg_get_aios", "pg_get_backend_memory_contexts", "pg_get_loaded_modules", "pg_get_multixact_members",
    "pg_get_shmem_allocations", "pg_get_shmem_allocations_numa", "pg_get_wait_events", "pg_get_wal_replay_pause_state",
    "pg_get_wal_resource_managers", "pg_get_wal_summarizer_state", "pg_indexes_size", "pg_is_in_backup", "pg_is_in_recovery",
    "pg_is_wal_replay_paused", "pg_isolation_test_session_is_blocked", "pg_jit_available", "pg_last_committed_xact",
    "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp", "pg_lock_status", "pg_notification_queue_usage",
    "pg_partition_ancestors", "pg_partition_tree", "pg_prepared_xact", "pg_relation_size", "pg_replication_origin_progress",
    "pg_replication_origin_session_is_setup", "pg_replication_origin_session_progress", "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value", "pg_show_replication_origin_status", "pg_stat_get_backend_io", "pg_stat_get_backend_wal", "pg_stat_get_io",
    "pg_stat_get_recovery_prefetch", "pg_stat_get_xact_blocks_fetched", "pg_stat_get_xact_blocks_hit",
    "pg_stat_get_xact_function_calls", "pg_stat_get_xact_function_self_time", "pg_stat_get_xact_function_total_time",
    "pg_stat_get_xact_numscans", "pg_stat_get_xact_tuples_deleted", "pg_stat_get_xact_tuples_fetched",
    "pg_stat_get_xact_tuples_hot_updated", "pg_stat_get_xact_tuples_inserted", "pg_stat_get_xact_tuples_newpage_updated",
    "pg_stat_get_xact_tuples_returned", "pg_stat_get_xact_tuples_updated", "pg_stat_have_stats", "pg_table_size", "pg_tablespace_size",
    "pg_total_relation_size", "pg_wal_summary_contents", "pg_xact_commit_timestamp", "pg_xact_commit_timestamp_origin", "pg_xact_status",
    "txid_status",
    // Arguments of type `internal`, or called as triggers only.
    "RI_FKey_cascade_del", "RI_FKey_cascade_upd", "RI_FKey_check_ins", "RI_FKey_check_upd", "RI_FKey_noaction_del", "RI_FKey_noaction_upd",
    "RI_FKey_restrict_del", "RI_FKey_restrict_upd", "RI_FKey_setdefault_del", "RI_FKey_setdefault_upd", "RI_FKey_setnull_del",
    "RI_FKey_setnull_upd", "bernoulli", "brinhandler", "bthandler", "dsnowball_init", "dsnowball_lexize", "ginhandler", "gisthandler",
    "hashhandler", "heap_tableam_handler", "spghandler", "suppress_redundant_updates_trigger", "system", "tsvector_update_trigger",
    "tsvector_update_trigger_column", "unique_key_recheck",
];

/// What a function of initdb was found to do; `None` where nobody looked.
pub fn judged(name: &str) -> Option<EffectSet> {
    static JUDGED: std::sync::LazyLock<std::collections::HashMap<&str, EffectSet>> = std::sync::LazyLock::new(|| {
        let acting = NAMES.iter().flat_map(|(effects, names)| names.iter().map(|name| (*name, EffectSet::of(effects))));
        acting.chain(HARMLESS.iter().map(|name| (*name, EffectSet::NONE))).collect()
    });
    match JUDGED.get(name) {
        Some(effects) => Some(*effects),
        // What reads a type from the wire takes an argument that no statement can give.
        None => name.ends_with("recv").then_some(EffectSet::NONE),
    }
}

pub fn effects(name: &str, arguments: usize, volatile: bool) -> EffectSet {
    // With three arguments it only rewrites a query for words.
    if name == "ts_rewrite" && arguments == 3 {
        return EffectSet::NONE;
    }
    judged(name).unwrap_or(if volatile { Effect::Code.alone() } else { EffectSet::NONE })
}
