//! SIGINT and SIGTERM: the first ends the run in order, the second at once. SIGUSR1 asks how it goes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// A flag that the first signal sets.
///
/// # Errors
/// When the system refuses the handlers.
pub fn on_signal() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag set.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// A flag that each SIGUSR1 sets.
///
/// # Errors
/// When the system refuses the handler.
pub fn on_question() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    flag::register(SIGUSR1, Arc::clone(&asked))?;
    Ok(asked)
}

/// A flag that SIGINT, SIGTERM and SIGHUP set, for one who looks at it often and must give a terminal back first.
///
/// # Errors
/// When the system refuses the handlers.
pub fn on_end() -> io::Result<Arc<AtomicBool>> {
    let over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&over))?;
    }
    Ok(over)
}
