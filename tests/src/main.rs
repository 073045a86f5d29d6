//! The program itself, plus a mode that panics while it owns the terminal, so that tests can check the
//! clean-up.

fn main() -> std::process::ExitCode {
    if std::env::var_os("UNDER_TEST_PANIC").is_some() {
        break_down();
    }
    tcpreuse::main()
}

#[expect(clippy::panic, clippy::expect_used, reason = "the panic is what is tested")]
fn break_down() {
    let _screen = tcpreuse::testing::view::terminal::Screen::take().expect("a terminal");
    panic!("on purpose");
}
