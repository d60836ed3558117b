//! The lifetime check: who still points into a region that ends?
//!
//! Every word of every live block of a class that lives longer is looked at. A number that happens to
//! look like an address of the region is reported too; that is rare with 64 bits, and worth a look.

use super::registry;
use super::report::{self, Kind, Report};
use crate::class::Class;
use core::ops::Range;

/// How long a class's blocks live, as far as the check compares them. The blocks of a request and of its
/// response point at each other by right.
const fn rank(class: Class) -> u8 {
    match class {
        Class::Request | Class::Response => 0,
        Class::Task => 1,
        Class::Cache => 2,
        Class::Static => 3,
        Class::General => 4,
    }
}

/// Reports each block that lives longer than `class` and holds a pointer into one of `blocks`, which are
/// about to end.
pub fn check(class: Class, blocks: &mut [Range<usize>]) {
    blocks.sort_unstable_by_key(|block| block.start);
    let mut found = Vec::new();
    {
        let registry = registry::lock();
        let longer = registry
            .live()
            .filter(|(_, entry)| rank(entry.class) > rank(class));
        for (address, entry) in longer {
            let holder = entry.named(address);
            let start = holder.address;
            let mut offset = start
                .next_multiple_of(size_of::<usize>())
                .wrapping_sub(start);
            while offset.saturating_add(size_of::<usize>()) <= holder.size {
                // SAFETY: inside a live block, which cannot be freed while the registry is locked. Another
                // thread may be writing there; any value that is read is good enough.
                let word = unsafe { (start.wrapping_add(offset) as *const usize).read_volatile() };
                if let Some(target) = target_of(word, blocks) {
                    found.push((target, holder, offset));
                }
                offset = offset.saturating_add(size_of::<usize>());
            }
        }
    }
    for (target, holder, offset) in found {
        let owner = registry::lock().containing(target);
        let Some((start, entry)) = owner else {
            continue;
        };
        report::tell(&Report {
            kind: Kind::Escape,
            block: entry.named(start),
            count: 1,
            freed: None,
            found: None,
            holder: Some((holder, offset)),
        });
    }
}

/// `word`, if it points into one of the blocks, which are in order.
fn target_of(word: usize, blocks: &[Range<usize>]) -> Option<usize> {
    let after = blocks.partition_point(|block| block.start <= word);
    let block = blocks.get(after.checked_sub(1)?)?;
    block.contains(&word).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_the_block_that_it_points_into() {
        let blocks = [100..110, 200..201, 300..400];
        for (word, hit) in [
            (99, false),
            (100, true),
            (109, true),
            (110, false),
            (200, true),
            (350, true),
            (400, false),
        ] {
            assert_eq!(target_of(word, &blocks).is_some(), hit, "{word}");
        }
        assert_eq!(target_of(5, &[]), None);
    }
}
