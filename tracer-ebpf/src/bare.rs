//! What every BPF object needs: a panic handler and a licence.

/// Never reached: the verifier refuses a program with a reachable panic. The linker needs a handler all the
/// same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// GPL-compatible: the kernel lets no other program read its structs directly, or call helpers such as
/// `bpf_probe_read_kernel` and `bpf_seq_write`.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
