//! What is counted, as Prometheus asks for it. Numbers are counted where things happen; here they are named, and put into text. No label is anything
//! that an agent chose: places are named by the configuration, outcomes by us.

use std::sync::{Arc, OnceLock};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Holds that wait or are approved, by `state`.
pub const HOLDS_OPEN: &str = "pgsluice_holds_open";
/// Statements that were held anew.
pub const HOLDS_OPENED: &str = "pgsluice_holds_opened_total";
/// How holds ended, by `outcome`.
pub const HOLDS_ENDED: &str = "pgsluice_holds_ended_total";
/// From when a statement was held to a person's decision, by `outcome`.
pub const DECISION_SECONDS: &str = "pgsluice_hold_decision_seconds";
/// Messages about holds, by `place` and `outcome`.
pub const NOTICES: &str = "pgsluice_notices_total";
/// Messages that are still to arrive, by `place`.
pub const NOTICES_WAITING: &str = "pgsluice_notices_waiting";
/// Messages that never arrived and are kept to be seen, by `place`.
pub const NOTICES_DEAD: &str = "pgsluice_notices_dead";

/// People answer within seconds or within a working day.
const DECISION_BUCKETS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

/// The text for whoever asks.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Counts from here on. A process counts once, however often this is asked.
pub fn install() -> Result<Render, BuildError> {
    static COUNTING: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = match COUNTING.get() {
        Some(handle) => handle.clone(),
        None => {
            let matcher = Matcher::Full(DECISION_SECONDS.to_owned());
            let recorder = PrometheusBuilder::new().set_buckets_for_metric(matcher, &DECISION_BUCKETS)?.build_recorder();
            let handle = recorder.handle();
            // Somebody else of this process may count already: then nothing is counted here.
            if metrics::set_global_recorder(recorder).is_ok() {
                describe();
            }
            COUNTING.get_or_init(|| handle).clone()
        }
    };
    // What is observed is kept until somebody asks; with each asking it is put into its buckets, which are few.
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}

fn describe() {
    describe_gauge!(HOLDS_OPEN, "Holds that wait or are approved and not used");
    describe_counter!(HOLDS_OPENED, "Statements that were held");
    describe_counter!(HOLDS_ENDED, "How holds ended");
    describe_histogram!(DECISION_SECONDS, Unit::Seconds, "From when a statement was held to a person's decision");
    describe_counter!(NOTICES, "Messages about holds that arrived, failed or were given up");
    describe_gauge!(NOTICES_WAITING, "Messages about holds that are still to arrive");
    describe_gauge!(NOTICES_DEAD, "Messages about holds that never arrived");
}
