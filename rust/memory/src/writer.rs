//! The statistics as text, JSON, or in Prometheus's exposition format.

use crate::budget::{self, Scope};
use crate::class::Class;
use crate::process::{self, Backend};
use crate::stats::{self, Figures};
use core::fmt::{self, Write};

/// How to write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line per class, for people.
    Text,
    /// One object.
    Json,
    /// Gauges and counters with a label for the class.
    Prometheus,
}

/// One class, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Which class.
    pub class: Class,
    /// Live bytes.
    pub live: usize,
    /// Bytes that lie in magazines and between threads.
    pub cached: usize,
    /// The most that was live at once, or more by what magazines held then.
    pub peak: usize,
    /// The budget; [`budget::NONE`] is none.
    pub budget: usize,
    /// Blocks handed out since the last reset.
    pub allocations: u64,
    /// Blocks that came back since the last reset.
    pub deallocations: u64,
    /// Region chunks that a thread used again.
    pub chunks_reused: u64,
    /// Region chunks newly taken.
    pub chunks_new: u64,
    /// The allocator's own view.
    pub figures: Figures,
}

impl Snapshot {
    /// `class` now, with figures read just before.
    pub fn take(class: Class, figures: Figures) -> Self {
        let (allocations, deallocations) = stats::counts(class);
        let (chunks_reused, chunks_new) = stats::chunks(class);
        let live = stats::live(class);
        Self {
            class,
            live,
            cached: stats::cached(class),
            peak: budget::raised_peak(Scope::Class(class), live),
            budget: budget::limit(Scope::Class(class)),
            allocations,
            deallocations,
            chunks_reused,
            chunks_new,
            figures,
        }
    }

    /// Every figure with its name, its meaning, and whether it only ever rises.
    fn fields(&self) -> [(&'static str, &'static str, bool, u64); 14] {
        let wide = |bytes: usize| bytes as u64;
        [
            ("live_bytes", "Bytes in live blocks", false, wide(self.live)),
            (
                "cached_bytes",
                "Bytes in magazines and between threads",
                false,
                wide(self.cached),
            ),
            (
                "peak_bytes",
                "The most that was live at once",
                false,
                wide(self.peak),
            ),
            (
                "active_bytes",
                "Bytes of pages in use",
                false,
                wide(self.figures.active),
            ),
            (
                "resident_bytes",
                "Bytes in physical memory",
                false,
                wide(self.figures.resident),
            ),
            (
                "mapped_bytes",
                "Bytes mapped",
                false,
                wide(self.figures.mapped),
            ),
            (
                "dirty_bytes",
                "Bytes of pages not yet given back",
                false,
                wide(self.figures.dirty),
            ),
            (
                "metadata_bytes",
                "Bytes of the allocator's records",
                false,
                wide(self.figures.metadata),
            ),
            (
                "arena",
                "Number of the class's arena",
                false,
                u64::from(self.figures.arena),
            ),
            (
                "allocations_total",
                "Blocks handed out",
                true,
                self.allocations,
            ),
            (
                "deallocations_total",
                "Blocks taken back",
                true,
                self.deallocations,
            ),
            (
                "region_chunks_reused_total",
                "Region chunks used again",
                true,
                self.chunks_reused,
            ),
            (
                "region_chunks_new_total",
                "Region chunks newly taken",
                true,
                self.chunks_new,
            ),
            (
                "budget_bytes",
                "Budget; absent without one",
                false,
                wide(self.budget),
            ),
        ]
    }
}

/// Without a budget there is no such figure.
fn is_present(name: &str, value: u64) -> bool {
    name != "budget_bytes" || value != budget::NONE as u64
}

/// Writes all classes and their totals.
///
/// # Errors
/// `out`'s.
pub fn write(format: Format, out: &mut dyn Write) -> fmt::Result {
    let figures = stats::figures();
    let classes = Class::ALL.map(|class| Snapshot::take(class, *figures.get(class)));
    match format {
        Format::Text => text(&classes, out),
        Format::Json => json(&classes, out),
        Format::Prometheus => prometheus(&classes, out),
    }
}

fn allocator() -> &'static str {
    match process::current() {
        Backend::System => "malloc",
        Backend::Jemalloc => "jemalloc",
    }
}

fn text(classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    let live = stats::total_live();
    writeln!(
        out,
        "allocator={} partitioned={} live={live} peak={}",
        allocator(),
        stats::is_partitioned(),
        stats::peak(live)
    )?;
    for class in classes {
        out.write_str(class.class.name())?;
        for (name, _, _, value) in class.fields() {
            if is_present(name, value) {
                write!(out, " {name}={value}")?;
            }
        }
        out.write_str("\n")?;
    }
    Ok(())
}

fn json(classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    let live = stats::total_live();
    write!(
        out,
        "{{\"allocator\":\"{}\",\"partitioned\":{},\"live_bytes\":{},\"peak_bytes\":{},\"classes\":{{",
        allocator(),
        stats::is_partitioned(),
        live,
        stats::peak(live)
    )?;
    for (number, class) in classes.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}\"{}\":{{", class.class.name())?;
        let mut comma = "";
        for (name, _, _, value) in class.fields() {
            if is_present(name, value) {
                write!(out, "{comma}\"{name}\":{value}")?;
                comma = ",";
            }
        }
        out.write_str("}")?;
    }
    out.write_str("}}\n")
}

fn prometheus(classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    // One metric after the other, as the format wants it: all classes of one, then the next.
    let count = classes.first().map_or(0, |class| class.fields().len());
    for index in 0..count {
        let mut is_first = true;
        for class in classes {
            let fields = class.fields();
            let Some(&(name, help, rises, value)) = fields.get(index) else {
                continue;
            };
            if !is_present(name, value) {
                continue;
            }
            if core::mem::take(&mut is_first) {
                let kind = if rises { "counter" } else { "gauge" };
                writeln!(out, "# HELP catzilla_memory_{name} {help}.")?;
                writeln!(out, "# TYPE catzilla_memory_{name} {kind}")?;
            }
            writeln!(
                out,
                "catzilla_memory_{name}{{class=\"{}\"}} {value}",
                class.class.name()
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut out = String::new();
        write(format, &mut out).unwrap();
        out
    }

    #[test]
    fn every_class_is_in_every_format() {
        for format in [Format::Text, Format::Json, Format::Prometheus] {
            let text = written(format);
            for class in Class::ALL {
                assert!(
                    text.contains(class.name()),
                    "{format:?} lacks {}",
                    class.name()
                );
            }
        }
    }

    #[test]
    fn json_is_balanced_and_ends_in_a_line() {
        let text = written(Format::Json);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        assert!(text.ends_with("}}\n"));
        assert!(!text.contains(",}"));
    }

    #[test]
    fn prometheus_names_each_metric_once() {
        let text = written(Format::Prometheus);
        assert_eq!(
            text.matches("# TYPE catzilla_memory_live_bytes gauge")
                .count(),
            1
        );
        assert_eq!(
            text.matches("catzilla_memory_live_bytes{").count(),
            Class::COUNT
        );
        assert!(!text.contains("budget_bytes"));
    }
}
