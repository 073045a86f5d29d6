//! What every BPF object needs: a panic handler and a licence.

/// Never reached: the verifier refuses a program with a reachable panic. The linker needs a handler all the
/// same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// GPL-compatible, as the kernel demands of programs on BTF tracepoints and of those that call GPL-only
/// helpers such as `bpf_probe_read_kernel`.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
