//! `pgsluice audit keygen`: the key pair of whoever may read sealed originals. The private key goes into one file and nowhere
//! else.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::unseal::SealedFailure;
use crate::audit::seal::PrivateKey;
use crate::host::cli::Failure;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Keygen {
    /// Where the private key goes; a file that is there stays as it is
    #[arg(long, value_name = "FILE", default_value = "pgsluice-unseal.key")]
    out: PathBuf,
}

pub(super) fn run(command: &Keygen) -> Result<(), Failure> {
    let mut random = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(random.as_mut_slice()).map_err(|_| SealedFailure::NoRandom)?;
    let private = PrivateKey::from_random(&random);
    let public = private.public().map_err(|_| SealedFailure::NoRandom)?;
    let failed = |reason| SealedFailure::KeyFile { file: command.out.clone(), reason };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&command.out).map_err(failed)?;
    let text = private.expose();
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(failed)?;
    eprintln!(
        "pgsluice: the private key is in {}. Who has it reads every sealed original, and without it nobody does: keep it off this machine, \
         and keep a copy. For pgsluice.toml:",
        command.out.display()
    );
    Ok(write!(std::io::stdout(), "[audit]\nkeep_sql = \"sealed\"\nsealing_key = \"{public}\"\n")?)
}
