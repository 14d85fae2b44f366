//! `pgsluice mask …`: people try the detectors, and see and change what is thought of columns.

mod cells;

use clap::Args;

use super::Failure;

#[derive(Debug, Args)]
pub(super) struct Mask {
    /// Read JSON lines, one for each cell of a table, and write what would be masked of each
    #[arg(long)]
    cells: bool,
}

pub(super) fn run(command: &Mask) -> Result<(), Failure> {
    let masking = crate::mask::Masking::built_in();
    if command.cells {
        return cells::run(&masking, std::io::stdin().lock(), std::io::stdout().lock());
    }
    Ok(())
}
