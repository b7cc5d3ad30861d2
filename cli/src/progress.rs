//! Progress on stderr: bars for a person, nothing for a file or a pipe.
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::time::Duration;

/// A turning mark for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.with_message(what)
}
