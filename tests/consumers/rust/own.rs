//! A Rust archive of the user's own: it brings a standard library, as Catzilla's does.

/// Adds the numbers on a thread, through a vector, so that much of std is linked.
#[no_mangle]
pub extern "C" fn own_sum(last: u32) -> u32 {
    let numbers: Vec<u32> = (0..=last).collect();
    std::thread::spawn(move || numbers.iter().sum())
        .join()
        .unwrap_or(0)
}
