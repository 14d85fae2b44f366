//! Asking whoever sits at the terminal: a password without showing it, a yes or a no. The terminal is asked, not standard input, which may be a
//! file; where there is no terminal nobody is asked.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::Failure;
use crate::host::people::password;
use crate::host::secret::Secret;

fn terminal() -> Result<File, Failure> {
    OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| Failure::NoTerminal)
}

/// A terminal that shows nothing of what is typed and hands it over letter by letter, until it is dropped.
struct Blind {
    terminal: File,
    before: Termios,
}

impl Blind {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut blind = before.clone();
        // Signals too come as letters: whoever gives up must not be left with a blind terminal.
        blind.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        blind.special_codes[SpecialCodeIndex::VMIN] = 1;
        blind.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Flush, &blind)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Blind {
    fn drop(&mut self) {
        tcsetattr(&self.terminal, OptionalActions::Flush, &self.before).ok();
    }
}

pub fn password(question: &str) -> Result<Secret, Failure> {
    let mut terminal = terminal()?;
    write!(terminal, "{question}: ")?;
    let mut blind = Blind::new(terminal)?;
    let typed = typed(&mut blind.terminal);
    writeln!(blind.terminal)?;
    typed
}

fn typed(terminal: &mut File) -> Result<Secret, Failure> {
    let mut typed = Zeroizing::new(Vec::with_capacity(password::LONGEST.saturating_add(4)));
    loop {
        let mut byte = [0];
        terminal.read_exact(&mut byte)?;
        match byte {
            [b'\n' | b'\r'] => break,
            // Ctrl-C, Ctrl-D.
            [3 | 4] => return Err(Failure::GivenUp),
            // Ctrl-U.
            [21] => typed.clear(),
            // A letter may be several bytes.
            [8 | 127] => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            [byte] if typed.len() <= password::LONGEST => typed.push(byte),
            [_] => {}
        }
    }
    let text = std::str::from_utf8(&typed).map_err(|_| Failure::NotText)?;
    Ok(Secret::new(text))
}

/// A new password, typed twice.
pub fn new_password(name: &str) -> Result<Secret, Failure> {
    let first = password(&format!("Password for {name}"))?;
    let second = password("Again")?;
    if first == second { Ok(first) } else { Err(Failure::Different) }
}

/// The first line of standard input.
pub fn password_from_input() -> Result<Secret, Failure> {
    let most = u64::try_from(password::LONGEST).unwrap_or(u64::MAX).saturating_add(2);
    let mut text = Zeroizing::new(String::new());
    io::stdin().take(most).read_to_string(&mut text).map_err(|_| Failure::NotText)?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Secret::new(line))
}

/// No unless the answer is yes.
pub fn agreed(question: &str) -> Result<bool, Failure> {
    let mut terminal = terminal().map_err(|_| Failure::NobodyToAsk)?;
    write!(terminal, "{question} [y/N] ")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.len() < 16 && terminal.read(&mut byte)? == 1 && byte != [b'\n'] {
        answer.extend_from_slice(&byte);
    }
    Ok(matches!(answer.to_ascii_lowercase().as_slice(), b"y" | b"yes"))
}
