//! Somebody who is told of each step of what takes several ([`crate::rescue::steps`]): a test, which ends the process there. The
//! program itself has nobody.

/// Told before each step; by default, nobody is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observer(Option<fn(&'static str)>);

impl Observer {
    /// Calls `watch` with the name of each step.
    pub fn new(watch: fn(&'static str)) -> Self {
        Self(Some(watch))
    }

    /// A step begins.
    pub fn reached(self, step: &'static str) {
        if let Some(watch) = self.0 {
            watch(step);
        }
    }
}
