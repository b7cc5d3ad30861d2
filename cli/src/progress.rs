//! Progress on stderr: bars for a person, nothing for a file or a pipe.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::Duration;

/// A turning mark for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.with_message(what)
}
/// A bar that counts `total` steps and estimates the time left. indicatif hides it where stderr is not a terminal.
pub(crate) fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:>12} [{bar:40}] {pos}/{len} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.with_message(what)
}

/// The bars of work in several stages, one at a time: a stage of another name ends the one before.
#[derive(Default)]
pub(crate) struct Stages(Option<(&'static str, ProgressBar)>);

impl Stages {
    /// `done` of `total` steps of a stage are done.
    pub(crate) fn at(&mut self, what: &'static str, done: usize, total: usize) {
        if self.0.as_ref().is_none_or(|(name, _)| *name != what) {
            self.end();
            self.0 = Some((what, bar(what, total as u64)));
        }
        if let Some((_, bar)) = &self.0 {
            bar.set_position(done as u64);
        }
    }
    fn end(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says something on standard error that is no error.
pub(crate) fn note(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "note: {text}");
}
