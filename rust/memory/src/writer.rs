//! The statistics as text, JSON, or in Prometheus's exposition format.

use crate::budget::{self, Scope};
use crate::class::Class;
use crate::process;
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

/// One class at one moment, or all of them.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Of what.
    pub scope: Scope,
    /// Live bytes.
    pub live: usize,
    /// Bytes that lie in magazines and between threads.
    pub cached: usize,
    /// Bytes that count for the budget: the live ones, and those in magazines.
    pub charged: usize,
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

/// A figure as it is written.
struct Field {
    name: &'static str,
    /// What it means.
    help: &'static str,
    /// Whether it only ever rises.
    rises: bool,
    /// None where there is no such figure.
    value: Option<u64>,
}

impl Snapshot {
    /// `class` now, with figures read just before.
    pub fn take(class: Class, figures: Figures) -> Self {
        let (allocations, deallocations) = stats::counts(class);
        let (chunks_reused, chunks_new) = stats::chunks(class);
        let usage = stats::usage(class);
        let scope = Scope::Class(class);
        Self {
            scope,
            live: usage.live,
            cached: usage.cached,
            charged: usage.charged,
            peak: budget::raised_peak(scope, usage.live),
            budget: budget::limit(scope),
            allocations,
            deallocations,
            chunks_reused,
            chunks_new,
            figures,
        }
    }

    /// All classes together: the sums of `classes`, and what belongs to the whole alone.
    fn sum(classes: &[Self]) -> Self {
        let bytes = |of: fn(&Self) -> usize| classes.iter().map(of).fold(0, usize::saturating_add);
        let count = |of: fn(&Self) -> u64| classes.iter().map(of).fold(0, u64::saturating_add);
        let live = bytes(|class| class.live);
        Self {
            scope: Scope::Process,
            live,
            cached: bytes(|class| class.cached),
            charged: bytes(|class| class.charged),
            peak: stats::peak(live),
            budget: budget::limit(Scope::Process),
            allocations: count(|class| class.allocations),
            deallocations: count(|class| class.deallocations),
            chunks_reused: count(|class| class.chunks_reused),
            chunks_new: count(|class| class.chunks_new),
            figures: Figures {
                arena: 0,
                allocated: bytes(|class| class.figures.allocated),
                active: bytes(|class| class.figures.active),
                dirty: bytes(|class| class.figures.dirty),
                mapped: bytes(|class| class.figures.mapped),
                resident: bytes(|class| class.figures.resident),
                metadata: bytes(|class| class.figures.metadata),
            },
        }
    }

    const fn name(&self) -> &'static str {
        match self.scope {
            Scope::Class(class) => class.name(),
            Scope::Process => "total",
        }
    }

    #[rustfmt::skip] // One figure a line.
    fn fields(&self) -> [Field; 15] {
        let field = |name, help, rises, value| Field { name, help, rises, value: Some(value) };
        let bytes = |name, help, bytes: usize| field(name, help, false, bytes as u64);
        let count = |name, help, count| field(name, help, true, count);
        let only_if = |is_there, field| if is_there { field } else { Field { value: None, ..field } };
        let is_class = self.scope != Scope::Process;
        let figures = &self.figures;
        [
            bytes("live_bytes", "Bytes in live blocks", self.live),
            bytes("cached_bytes", "Bytes in magazines and between threads", self.cached),
            bytes("charged_bytes", "Bytes that count for the budget", self.charged),
            bytes("peak_bytes", "The most that was live at once", self.peak),
            bytes("active_bytes", "Bytes of pages in use", figures.active),
            bytes("resident_bytes", "Bytes in physical memory", figures.resident),
            bytes("mapped_bytes", "Bytes mapped", figures.mapped),
            bytes("dirty_bytes", "Bytes of pages not yet given back", figures.dirty),
            bytes("metadata_bytes", "Bytes of the allocator's records", figures.metadata),
            only_if(is_class, field("arena", "Number of the class's arena", false, figures.arena.into())),
            count("allocations_total", "Blocks handed out", self.allocations),
            count("deallocations_total", "Blocks taken back", self.deallocations),
            count("region_chunks_reused_total", "Region chunks used again", self.chunks_reused),
            count("region_chunks_new_total", "Region chunks newly taken", self.chunks_new),
            only_if(
                self.budget != budget::NONE,
                bytes("budget_bytes", "Budget; absent without one", self.budget),
            ),
        ]
    }
}

/// Writes all classes and their totals.
///
/// # Errors
/// `out`'s.
pub fn write(format: Format, out: &mut dyn Write) -> fmt::Result {
    let figures = stats::figures();
    let classes = Class::ALL.map(|class| Snapshot::take(class, *figures.get(class)));
    let total = Snapshot::sum(&classes);
    match format {
        Format::Text => text(&total, &classes, out),
        Format::Json => json(&total, &classes, out),
        Format::Prometheus => prometheus(&total, &classes, out),
    }
}

fn text(total: &Snapshot, classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    writeln!(
        out,
        "allocator={} partitioned={}",
        process::current().name(),
        stats::is_partitioned()
    )?;
    for of in core::iter::once(total).chain(classes) {
        out.write_str(of.name())?;
        for field in of.fields() {
            if let Some(value) = field.value {
                write!(out, " {}={value}", field.name)?;
            }
        }
        out.write_str("\n")?;
    }
    Ok(())
}

fn json(total: &Snapshot, classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    write!(
        out,
        "{{\"allocator\":\"{}\",\"partitioned\":{},",
        process::current().name(),
        stats::is_partitioned()
    )?;
    json_fields(total, out)?;
    out.write_str(",\"classes\":{")?;
    for (number, class) in classes.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma}\"{}\":{{", class.name())?;
        json_fields(class, out)?;
        out.write_str("}")?;
    }
    out.write_str("}}\n")
}

fn json_fields(of: &Snapshot, out: &mut dyn Write) -> fmt::Result {
    let mut comma = "";
    for field in of.fields() {
        if let Some(value) = field.value {
            write!(out, "{comma}\"{}\":{value}", field.name)?;
            comma = ",";
        }
    }
    Ok(())
}

/// What a sum over the classes does not give; and what is live, to set it against.
const OF_THE_WHOLE: [&str; 4] = ["live_bytes", "charged_bytes", "peak_bytes", "budget_bytes"];

fn prometheus(total: &Snapshot, classes: &[Snapshot], out: &mut dyn Write) -> fmt::Result {
    // One metric after the other, as the format wants it: all classes of one, then the next.
    for (index, described) in total.fields().iter().enumerate() {
        let mut is_first = true;
        for class in classes {
            let fields = class.fields();
            let Some(value) = fields.get(index).and_then(|field| field.value) else {
                continue;
            };
            if core::mem::take(&mut is_first) {
                introduce(described, "", out)?;
            }
            writeln!(
                out,
                "catzilla_memory_{}{{class=\"{}\"}} {value}",
                described.name,
                class.name()
            )?;
        }
    }
    // Names of their own: a label for the whole would have every sum over the classes count it again.
    for field in total.fields() {
        if let Some(value) = field.value.filter(|_| OF_THE_WHOLE.contains(&field.name)) {
            introduce(&field, "total_", out)?;
            writeln!(out, "catzilla_memory_total_{} {value}", field.name)?;
        }
    }
    Ok(())
}

fn introduce(field: &Field, prefix: &str, out: &mut dyn Write) -> fmt::Result {
    let kind = if field.rises { "counter" } else { "gauge" };
    let (name, help) = (field.name, field.help);
    writeln!(out, "# HELP catzilla_memory_{prefix}{name} {help}.")?;
    writeln!(out, "# TYPE catzilla_memory_{prefix}{name} {kind}")
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
