//! Limits on memory, and what the calling thread was last refused.
//!
//! An account counts what was handed out: blocks that the program holds, and those in the magazines of
//! threads, which may be handed out without asking. So a limit can be exceeded by what the magazines
//! held when it was met, never by more; and where it seems to be met, what they hold is looked at before
//! anything is refused. Lastly the host is told, whose callback may make room.

use crate::cache;
use crate::class::{Class, PerClass};
#[cfg(feature = "jemalloc")]
use crate::error::Errno;
use crate::error::{Error, set_errno_out_of_memory};
use crate::log;
use crate::sync::Lock;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// No limit.
pub const NONE: usize = usize::MAX;

/// What was handed out of something that has a limit.
struct Account {
    charged: AtomicUsize,
    peak: AtomicUsize,
    limit: AtomicUsize,
    /// From here on the host wants to know.
    soft: AtomicUsize,
    /// Whether it was told since the account was last below.
    told: AtomicBool,
}

impl Account {
    const fn new() -> Self {
        Self {
            charged: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            limit: AtomicUsize::new(NONE),
            soft: AtomicUsize::new(NONE),
            told: AtomicBool::new(false),
        }
    }

    /// Charges `bytes` unless that exceeds the limit.
    fn charge(&self, bytes: usize) -> bool {
        self.charge_within(bytes, self.limit.load(Relaxed))
    }

    /// Charges `bytes` unless that exceeds `limit`; a refusal leaves no trace, so that no other thread is
    /// refused because of it.
    fn charge_within(&self, bytes: usize, limit: usize) -> bool {
        if limit == NONE {
            self.charge_anyway(bytes);
            return true;
        }
        let fits = |charged: usize| charged.checked_add(bytes).filter(|&sum| sum <= limit);
        self.charged.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    /// Charges `bytes` unless that exceeds the limit, from which is left aside what `held` says: more than
    /// the limit may be charged then, but lies in magazines.
    fn charge_beside(&self, bytes: usize, held: impl FnOnce() -> usize) -> bool {
        let limit = self.limit.load(Relaxed);
        // Others may charge and discharge meanwhile, so nothing else is read here that this depends on.
        let within = if limit == NONE {
            NONE
        } else {
            limit.saturating_add(held())
        };
        self.charge_within(bytes, within)
    }

    fn charge_anyway(&self, bytes: usize) {
        self.charged.fetch_add(bytes, Relaxed);
    }

    fn raise_peak(&self) {
        let charged = self.charged.load(Relaxed);
        if charged > self.peak.load(Relaxed) {
            self.peak.fetch_max(charged, Relaxed);
        }
    }

    /// More than is charged cannot come back; if it seems so all the same, the figure stops at 0, where a
    /// budget works on, and does not wrap.
    fn discharge(&self, bytes: usize) {
        let less = |charged: usize| charged.saturating_sub(bytes);
        let before = self
            .charged
            .fetch_update(Relaxed, Relaxed, |charged| Some(less(charged)));
        let left = before.map_or(0, less);
        if left < self.soft.load(Relaxed) && self.told.load(Relaxed) {
            self.told.store(false, Relaxed);
        }
    }

    /// Whether the host is to be told now.
    fn is_news(&self) -> bool {
        self.charged.load(Relaxed) >= self.soft.load(Relaxed) && !self.told.swap(true, Relaxed)
    }

    fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
        self.draw_soft();
    }

    fn draw_soft(&self) {
        let limit = self.limit.load(Relaxed);
        let soft = if limit == NONE {
            NONE
        } else {
            // Of nothing, nobody wants to know.
            part(limit, PERCENT.load(Relaxed)).max(1)
        };
        self.soft.store(soft, Relaxed);
        self.told.store(false, Relaxed);
    }
}

/// `percent` hundredths of `limit`; none of a percentage of 0, which asks for nothing.
fn part(limit: usize, percent: usize) -> usize {
    if percent == 0 {
        return NONE;
    }
    let (whole, rest) = (limit / 100, limit % 100);
    whole
        .saturating_mul(percent)
        .saturating_add(rest.saturating_mul(percent) / 100)
}

static CLASSES: PerClass<Account> = PerClass::new([
    Account::new(),
    Account::new(),
    Account::new(),
    Account::new(),
    Account::new(),
    Account::new(),
]);
static PROCESS: Account = Account::new();
/// Of a limit, from where the callback is called.
static PERCENT: AtomicUsize = AtomicUsize::new(0);

/// What a budget belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One class.
    Class(Class),
    /// All classes together.
    Process,
}

impl Scope {
    fn account(self) -> &'static Account {
        match self {
            Self::Class(class) => CLASSES.get(class),
            Self::Process => &PROCESS,
        }
    }
}

/// Refuses what would exceed `limit` bytes; [`NONE`] refuses nothing. What is there already stays, and is
/// told if it is past the threshold.
pub fn set_limit(scope: Scope, limit: usize) {
    scope.account().set_limit(limit);
    tell(scope);
}

/// The limit in force.
pub fn limit(scope: Scope) -> usize {
    scope.account().limit.load(Relaxed)
}

/// Bytes handed out, those in the magazines of threads included.
pub fn charged(scope: Scope) -> usize {
    scope.account().charged.load(Relaxed)
}

/// The most that was charged at once since the last [`reset_peaks`], and no less than `bytes`. A sum over
/// threads may be above it by a moment's blocks; it is kept, since what was told once must not be lower the
/// next time.
pub fn raised_peak(scope: Scope, bytes: usize) -> usize {
    scope.account().peak.fetch_max(bytes, Relaxed).max(bytes)
}

/// Raises the peaks of `class` and the process to what is charged now. For once a block is there: what
/// was charged for one that then could not be had was never in use.
pub(crate) fn raise_peaks(class: Class) {
    CLASSES.get(class).raise_peak();
    PROCESS.raise_peak();
}

/// Lets every peak be what is live now, which the caller knows: of what is charged, magazines hold some.
pub(crate) fn reset_peaks(live: &PerClass<usize>) {
    let mut sum = 0_usize;
    for (class, &live) in live.iter() {
        CLASSES.get(class).peak.store(live, Relaxed);
        sum = sum.saturating_add(live);
    }
    PROCESS.peak.store(sum, Relaxed);
}

/// Charges `bytes` to `class` and the process.
///
/// # Errors
/// The scope whose limit is in the way; nothing is then charged.
pub(crate) fn reserve_plainly(class: Class, bytes: usize) -> Result<(), Scope> {
    if !CLASSES.get(class).charge(bytes) {
        return Err(Scope::Class(class));
    }
    if !PROCESS.charge(bytes) {
        CLASSES.get(class).discharge(bytes);
        return Err(Scope::Process);
    }
    tell_both(class);
    Ok(())
}

/// Charges `bytes` to `class`. Where a limit is in the way, takes back what this thread keeps, leaves aside
/// what others keep, and tells the host, who may make room. `false` if there still is none; the refusal is
/// noted.
pub(crate) fn reserve(class: Class, bytes: usize) -> bool {
    if reserve_plainly(class, bytes).is_ok() {
        return true;
    }
    let mut outcome = reserve_beside_magazines(class, bytes);
    // Once for the class, and once for the process.
    let mut told = None;
    for _ in 0..2 {
        match outcome {
            Err(scope) if told != Some(scope) && tell_of_refusal(scope) => told = Some(scope),
            _ => break,
        }
        outcome = reserve_beside_magazines(class, bytes);
    }
    if let Err(scope) = outcome {
        refuse_by_limit(class, limit(scope), bytes);
    }
    outcome.is_ok()
}

/// Serialises those who look beyond the accounts, so that each sees what the one before charged.
static LOOK: Lock<()> = Lock::new(());

/// As [`reserve_plainly`], but what lies in magazines counts as room.
fn reserve_beside_magazines(class: Class, bytes: usize) -> Result<(), Scope> {
    cache::flush_own();
    let look = LOOK.lock();
    if !CLASSES
        .get(class)
        .charge_beside(bytes, || cache::held(class))
    {
        return Err(Scope::Class(class));
    }
    if !PROCESS.charge_beside(bytes, cache::held_by_all) {
        CLASSES.get(class).discharge(bytes);
        return Err(Scope::Process);
    }
    drop(look);
    tell_both(class);
    Ok(())
}

/// Takes `bytes` off again.
pub(crate) fn release(class: Class, bytes: usize) {
    CLASSES.get(class).discharge(bytes);
    PROCESS.discharge(bytes);
}

/// Told when an account rises to the percentage asked for: the class's number or -1 for the process, the
/// bytes charged, the budget, user data.
pub type Callback = unsafe extern "C" fn(c_int, usize, usize, *mut c_void);

struct Listener {
    callback: Option<Callback>,
    user_data: *mut c_void,
}

// SAFETY: the pointer is the host's and only handed back to its own callback.
unsafe impl Send for Listener {}

static LISTENER: Lock<Listener> = Lock::new(Listener {
    callback: None,
    user_data: core::ptr::null_mut(),
});

/// Has `callback` called once each time that an account rises to `percent` of its limit, or refuses; at once
/// where one is there already.
pub fn set_callback(callback: Option<Callback>, percent: usize, user_data: *mut c_void) {
    *LISTENER.lock() = Listener {
        callback,
        user_data,
    };
    PERCENT.store(if callback.is_some() { percent } else { 0 }, Relaxed);
    for class in Class::ALL {
        CLASSES.get(class).draw_soft();
        tell(Scope::Class(class));
    }
    PROCESS.draw_soft();
    tell(Scope::Process);
}

thread_local! {
    /// Whether this thread is in the callback. What happens there is no news to the host, and a callback
    /// that was called for its own allocations might never end.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

fn tell_both(class: Class) {
    tell(Scope::Class(class));
    tell(Scope::Process);
}

/// Tells the host if there is something to tell. The callback may allocate, so whoever reserves looks
/// again afterwards at what that may have changed.
fn tell(scope: Scope) {
    if !TELLING.get() && scope.account().is_news() {
        call(scope);
    }
}

/// Tells the host that something is about to be refused, unless it was told and nothing came back since.
/// Says whether it did, so that it is worth trying again.
fn tell_of_refusal(scope: Scope) -> bool {
    let is_asked_for = PERCENT.load(Relaxed) != 0;
    let is_news = is_asked_for && !TELLING.get() && !scope.account().told.swap(true, Relaxed);
    if is_news {
        call(scope);
    }
    is_news
}

fn call(scope: Scope) {
    let (callback, user_data) = {
        let listener = LISTENER.lock();
        (listener.callback, listener.user_data)
    };
    let Some(callback) = callback else { return };
    let number = match scope {
        Scope::Class(class) => c_int::try_from(class.index()).unwrap_or(-1),
        Scope::Process => -1,
    };
    TELLING.set(true);
    // SAFETY: the host registered this callback with this data.
    unsafe { callback(number, charged(scope), limit(scope), user_data) };
    TELLING.set(false);
    // What it freed may lie in magazines, where it still counts; if it was enough, the next rise is news.
    cache::flush_own();
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class that it was asked of.
    pub class: Class,
    /// The limit that was in the way; 0 where it was the system's.
    pub limit: usize,
    /// The size that was asked for.
    pub size: usize,
    /// `Budget`, or `NoMemory` where the system had none.
    pub error: Error,
}

thread_local! {
    static LAST: Cell<Option<Refusal>> = const { Cell::new(None) };
}

/// What this thread was last refused.
pub fn last_refusal() -> Option<Refusal> {
    LAST.get()
}

/// Why the allocation that just failed on this thread did.
pub(crate) fn last_code() -> Error {
    LAST.get().map_or(Error::NoMemory, |refusal| refusal.error)
}

/// Makes an attempt whose failure is none for whoever asked: it leaves neither a refusal nor `errno` behind.
#[cfg(feature = "jemalloc")]
pub(crate) fn without_trace<T>(attempt: impl FnOnce() -> Option<T>) -> Option<T> {
    let _errno = Errno::save();
    let last = LAST.get();
    let outcome = attempt();
    if outcome.is_none() {
        LAST.set(last);
    }
    outcome
}

/// Notes that `limit` refused `size` bytes, and sets `errno`.
#[cold]
pub(crate) fn refuse_by_limit(class: Class, limit: usize, size: usize) {
    refuse(Refusal {
        class,
        limit,
        size,
        error: Error::Budget,
    });
}

/// Notes that the system had no `size` bytes, and sets `errno`. What the allocator had to say about that is
/// delivered.
#[cold]
pub(crate) fn refuse_for_want(class: Class, size: usize) {
    log::flush();
    refuse(Refusal {
        class,
        limit: 0,
        size,
        error: Error::NoMemory,
    });
}

/// Passes on what came of asking `class` for `size` bytes. A refusal was noted where it met a limit, by a
/// size that was rounded up, or less what was there already; the caller is told what it asked for.
#[inline]
pub(crate) fn asked<T>(class: Class, size: usize, outcome: Option<T>) -> Option<T> {
    if outcome.is_none() {
        name_refusal(class, size);
    }
    outcome
}

#[cold]
fn name_refusal(class: Class, size: usize) {
    LAST.set(LAST.get().map(|last| Refusal {
        class,
        size,
        ..last
    }));
}

fn refuse(refusal: Refusal) {
    LAST.set(Some(refusal));
    set_errno_out_of_memory();
}

pub(crate) fn before_fork() {
    LOOK.acquire();
    LISTENER.acquire();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe {
        LISTENER.release();
        LOOK.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_and_not_passed() {
        let account = Account::new();
        account.set_limit(100);
        assert!(account.charge(60));
        assert!(!account.charge(41));
        assert!(account.charge(40));
        assert!(!account.charge(1));
        account.discharge(100);
        assert!(!account.charge(usize::MAX));
        assert!(account.charge(100));
        account.raise_peak();
        account.discharge(1);
        account.raise_peak();
        assert_eq!(account.peak.load(Relaxed), 100);
    }

    #[test]
    fn a_look_beside_magazines_adds_what_they_held_and_no_more() {
        let account = Account::new();
        assert!(account.charge(150));
        account.set_limit(100);
        assert!(!account.charge_beside(51, || 100));
        // Another thread empties its magazines while this one adds up what they hold.
        let held = || {
            account.discharge(60);
            100
        };
        assert!(!account.charge_beside(111, held));
        assert!(account.charge_beside(110, || 100));
        assert_eq!(account.charged.load(Relaxed), 200);
    }

    #[test]
    fn what_is_charged_never_wraps() {
        let account = Account::new();
        assert!(account.charge(10));
        account.discharge(11);
        assert_eq!(account.charged.load(Relaxed), 0);
        account.set_limit(5);
        assert!(account.charge(5));
    }

    #[test]
    fn a_limit_below_what_is_there_refuses_until_it_fits() {
        let account = Account::new();
        assert!(account.charge(50));
        account.set_limit(10);
        assert!(!account.charge(1));
        account.discharge(45);
        assert!(account.charge(5));
    }

    #[test]
    fn percentages_are_rounded_down_and_never_overflow() {
        assert_eq!(part(1000, 80), 800);
        assert_eq!(part(99, 50), 49);
        assert_eq!(part(0, 80), 0);
        assert_eq!(part(usize::MAX - 1, 100), usize::MAX - 1);
        assert_eq!(part(1000, 0), NONE);
    }
}
