fn main() -> std::process::ExitCode {
    pgsluice::host::cli::main()
}
