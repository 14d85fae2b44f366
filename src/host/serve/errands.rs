//! What is still to be done for sessions that are gone: cancel requests on their way to the server. The program does not end
//! before them, else the server would work on for nobody.

use tokio::sync::watch;

#[derive(Debug)]
pub struct Errands(watch::Sender<usize>);

/// One errand, until it is dropped.
#[derive(Debug)]
pub struct Errand(watch::Sender<usize>);

impl Default for Errands {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Errands {
    pub fn begin(&self) -> Errand {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        Errand(self.0.clone())
    }

    /// Returns when none is left.
    pub async fn finished(&self) {
        // The sender lives as long as this does, so this cannot fail.
        self.0.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
