//! Threads that run a network's layers together, and how many there may be.

use crate::host::{Failure, Host};
use crate::kernels::team::{Crew, Leader, System};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// Bytes of a worker's stack: kernels keep little there.
const STACK: usize = 1 << 18;

/// A crew on the threads of a host. They end when it is dropped.
pub struct Threads(Arc<Crew<&'static dyn System>>);

/// A network's team on such threads.
pub type Lead<'a> = Leader<'a, &'static dyn System>;

impl Threads {
    /// A crew of `count` threads, the caller's included.
    ///
    /// ```
    /// # #[cfg(feature = "std")] {
    /// use bakelite::{Threads, host::Standard};
    /// let mut threads = Threads::start(&mut Standard, 2).unwrap();
    /// let mut team = threads.lead();
    /// // model.observed(isa, &mut team, &inputs, &mut outputs, &mut ())
    /// # let _ = &mut team;
    /// # }
    /// ```
    pub fn start(host: &mut dyn Host, count: usize) -> Result<Self, Failure> {
        let workers = count.saturating_sub(1);
        // Dropped where a thread does not start, so that those before it end.
        let threads = Self(Arc::new(Crew::new(host.system(), workers)));
        for _ in 0..workers {
            let crew = Arc::clone(&threads.0);
            host.spawn(STACK, Box::new(move || crew.work()))?;
        }
        Ok(threads)
    }

    /// The team, for one caller at a time.
    ///
    /// # Panics
    /// If an earlier one was leaked.
    pub fn lead(&mut self) -> Lead<'_> {
        self.0.leader().expect("the one before was dropped, since it borrowed all of `self`")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}
