//! The program itself, plus a mode that panics while it owns the terminal, so that tests can check the
//! clean-up.

fn main() -> std::process::ExitCode {
    if let Some(how) = std::env::var_os("UNDER_TEST_BREAK") {
        break_down(how == "abort");
    }
    tcpreuse::main()
}

#[expect(clippy::panic, clippy::expect_used, reason = "the panic is what is tested")]
fn break_down(abort: bool) {
    let _screen = tcpreuse::testing::view::terminal::Screen::take().expect("a terminal");
    if abort {
        // As when memory or the stack runs out.
        std::process::abort();
    }
    panic!("on purpose");
}
