//! The thread-local pointer itself.
//!
//! On x86-64 Linux it is reached through a TLS descriptor, which stable Rust has no word for: in a shared
//! library that is one indirect call of three instructions where `__tls_get_addr` would be dozens, and
//! the linker turns it into a constant offset in programs. Elsewhere `thread_local!` does.

#[cfg(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64",
    not(miri)
))]
mod place {
    use super::super::{FRESH, Record};
    use core::arch::{asm, global_asm};

    // One pointer in each thread's block, which starts at FRESH.
    global_asm!(
        ".pushsection .tdata.cz_thread_record,\"awT\",@progbits",
        ".p2align 3",
        ".hidden cz_thread_record",
        ".globl cz_thread_record",
        ".type cz_thread_record,@object",
        ".size cz_thread_record,8",
        "cz_thread_record:",
        ".quad {fresh}",
        ".popsection",
        fresh = sym FRESH,
    );

    #[inline]
    pub fn get() -> *const Record {
        let record: *const Record;
        // SAFETY: the descriptor's resolver keeps all registers but rax, and the flags; older C libraries
        // may lose vector registers where they must allocate the thread's block first. The stack is
        // aligned for a call, since `nostack` is not given. What it yields is an offset from fs.
        unsafe {
            asm!(
                "leaq cz_thread_record@tlsdesc(%rip), %rax",
                "call *cz_thread_record@tlscall(%rax)",
                "movq %fs:(%rax), %rax",
                out("rax") record,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(att_syntax, readonly),
            );
        }
        record
    }

    #[cold]
    pub fn set(record: *mut Record) {
        // SAFETY: as in `get`; the word written is this thread's own.
        unsafe {
            asm!(
                "leaq cz_thread_record@tlsdesc(%rip), %rax",
                "call *cz_thread_record@tlscall(%rax)",
                "movq {record}, %fs:(%rax)",
                record = in(reg) record,
                out("rax") _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(att_syntax),
            );
        }
    }
}

#[cfg(not(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64",
    not(miri)
)))]
mod place {
    use super::super::{FRESH, Record};
    use core::cell::Cell;

    thread_local! {
        static RECORD: Cell<*const Record> = const { Cell::new(&raw const FRESH) };
    }

    #[inline]
    pub fn get() -> *const Record {
        RECORD.get()
    }

    #[cold]
    pub fn set(record: *mut Record) {
        RECORD.set(record);
    }
}

pub use place::{get, set};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_has_a_pointer_of_its_own() {
        let fresh = (&raw const super::super::FRESH) as usize;
        std::thread::spawn(move || {
            assert_eq!(get() as usize, fresh);
            let gone = (&raw const super::super::GONE).cast_mut();
            set(gone);
            assert_eq!(get(), gone.cast_const());
            std::thread::spawn(move || assert_eq!(get() as usize, fresh))
                .join()
                .unwrap();
        })
        .join()
        .unwrap();
    }
}
