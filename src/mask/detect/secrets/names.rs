//! What a name says its value is: `db_password`, `"apiKey"`, `X-Auth-Token`, `mot de passe`. A name tells by its end: `password_status` and
//! `token_count` are of something else.

use crate::mask::Kind;

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub kind: Kind,
    /// Whatever is given to it is one. Otherwise its value must look like one as well.
    pub firm: bool,
}

/// What is in every name of the table below. Where one of these is met, the whole name is read.
pub(super) const ROOTS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "sess",
    "sid",
    "bearer",
    "auth",
    "cookie",
    "credential",
    "jwt",
    "otp",
    "2fa",
    "mfa",
    "pin",
    "seed",
    "mnemonic",
    "pat",
    "mdp",
    "clave",
    "contrase",
    "senha",
    "kennwort",
    "wachtwoord",
    "haslo",
    "hasło",
    "Hasło",
    "heslo",
    "jelsz",
    "parol",
    "sifre",
    "şifre",
    "Şifre",
    "salasana",
    "losenord",
    "lösenord",
    "Lösenord",
    "adgangskode",
    "kodeord",
    "geslo",
    "zaporka",
    "lozinka",
    "slapta",
    "sandi",
    "matkhau",
    "mật khẩu",
    "Mật khẩu",
    "пароль",
    "Пароль",
    "ПАРОЛЬ",
    "парола",
    "Парола",
    "лозинка",
    "κωδικ",
    "密码",
    "密碼",
    "口令",
    "密钥",
    "密鑰",
    "令牌",
    "パスワード",
    "暗証番号",
    "トークン",
    "비밀번호",
    "암호",
    "토큰",
    "รหัสผ่าน",
    "كلمة المرور",
    "كلمة السر",
    "סיסמה",
    "סיסמא",
    "पासवर्ड",
    "identified by",
    "crypt(",
    "schluessel",
    "schlüssel",
    "recovery code",
    "backup code",
    "recoverycode",
    "recovery_code",
    "backup_code",
    "backupcode",
    "verification code",
    "connectionstring",
    "_authtoken",
];

const fn firm(kind: Kind) -> Said {
    Said { kind, firm: true }
}

const fn loose(kind: Kind) -> Said {
    Said { kind, firm: false }
}

/// Ends of names: in lower case, without what stands between words. Where the second is set, it counts only where a word begins with it.
const ENDS: &[(&str, bool, Said)] = &[
    ("password", false, firm(Kind::PASSWORD)),
    ("passwords", false, loose(Kind::PASSWORD)),
    ("passwd", false, firm(Kind::PASSWORD)),
    ("passwrd", false, firm(Kind::PASSWORD)),
    ("passphrase", false, firm(Kind::PASSWORD)),
    ("passphrases", false, loose(Kind::PASSWORD)),
    ("passcode", false, firm(Kind::PASSWORD)),
    ("passwort", false, firm(Kind::PASSWORD)),
    ("passord", false, firm(Kind::PASSWORD)),
    ("pass", true, loose(Kind::PASSWORD)),
    ("dbpass", false, firm(Kind::PASSWORD)),
    ("userpass", false, firm(Kind::PASSWORD)),
    ("smtppass", false, firm(Kind::PASSWORD)),
    ("mailpass", false, firm(Kind::PASSWORD)),
    ("rootpass", false, firm(Kind::PASSWORD)),
    ("adminpass", false, firm(Kind::PASSWORD)),
    ("ftppass", false, firm(Kind::PASSWORD)),
    ("redispass", false, firm(Kind::PASSWORD)),
    ("mysqlpass", false, firm(Kind::PASSWORD)),
    ("pgpass", false, loose(Kind::PASSWORD)),
    ("sshpass", false, loose(Kind::PASSWORD)),
    ("keypass", false, firm(Kind::PASSWORD)),
    ("storepass", false, firm(Kind::PASSWORD)),
    ("pwd", false, firm(Kind::PASSWORD)),
    ("pswd", false, firm(Kind::PASSWORD)),
    ("pincode", false, loose(Kind::PASSWORD)),
    ("pin", true, loose(Kind::PASSWORD)),
    ("otp", true, loose(Kind::PASSWORD)),
    ("otpcode", false, loose(Kind::PASSWORD)),
    ("mfacode", false, loose(Kind::PASSWORD)),
    ("2facode", false, loose(Kind::PASSWORD)),
    ("verificationcode", false, loose(Kind::PASSWORD)),
    ("recoverycode", false, loose(Kind::PASSWORD)),
    ("recoverycodes", false, loose(Kind::PASSWORD)),
    ("backupcode", false, loose(Kind::PASSWORD)),
    ("backupcodes", false, loose(Kind::PASSWORD)),
    ("identifiedby", false, firm(Kind::PASSWORD)),
    ("crypt", true, firm(Kind::PASSWORD)),
    ("motdepasse", false, firm(Kind::PASSWORD)),
    ("mdp", true, firm(Kind::PASSWORD)),
    ("contraseña", false, firm(Kind::PASSWORD)),
    ("contrasena", false, firm(Kind::PASSWORD)),
    ("contraseÑa", false, firm(Kind::PASSWORD)),
    ("contrasenya", false, firm(Kind::PASSWORD)),
    ("clave", true, loose(Kind::PASSWORD)),
    ("senha", false, firm(Kind::PASSWORD)),
    ("palavrapasse", false, firm(Kind::PASSWORD)),
    ("kennwort", false, firm(Kind::PASSWORD)),
    ("wachtwoord", false, firm(Kind::PASSWORD)),
    ("hasło", false, firm(Kind::PASSWORD)),
    ("haslo", false, firm(Kind::PASSWORD)),
    ("heslo", false, firm(Kind::PASSWORD)),
    ("jelszó", false, firm(Kind::PASSWORD)),
    ("jelszo", false, firm(Kind::PASSWORD)),
    ("parola", false, firm(Kind::PASSWORD)),
    ("parolă", false, firm(Kind::PASSWORD)),
    ("parool", false, firm(Kind::PASSWORD)),
    ("parole", false, loose(Kind::PASSWORD)),
    ("şifre", false, firm(Kind::PASSWORD)),
    ("Şifre", false, firm(Kind::PASSWORD)),
    ("sifre", false, firm(Kind::PASSWORD)),
    ("salasana", false, firm(Kind::PASSWORD)),
    ("lösenord", false, firm(Kind::PASSWORD)),
    ("losenord", false, firm(Kind::PASSWORD)),
    ("adgangskode", false, firm(Kind::PASSWORD)),
    ("kodeord", false, firm(Kind::PASSWORD)),
    ("geslo", false, firm(Kind::PASSWORD)),
    ("zaporka", false, firm(Kind::PASSWORD)),
    ("lozinka", false, firm(Kind::PASSWORD)),
    ("slaptažodis", false, firm(Kind::PASSWORD)),
    ("katasandi", false, firm(Kind::PASSWORD)),
    ("sandi", true, loose(Kind::PASSWORD)),
    ("matkhau", false, firm(Kind::PASSWORD)),
    ("mậtkhẩu", false, firm(Kind::PASSWORD)),
    ("Mậtkhẩu", false, firm(Kind::PASSWORD)),
    ("пароль", false, firm(Kind::PASSWORD)),
    ("Пароль", false, firm(Kind::PASSWORD)),
    ("ПАРОЛЬ", false, firm(Kind::PASSWORD)),
    ("парола", false, firm(Kind::PASSWORD)),
    ("Парола", false, firm(Kind::PASSWORD)),
    ("лозинка", false, firm(Kind::PASSWORD)),
    ("κωδικός", false, loose(Kind::PASSWORD)),
    ("κωδικόςπρόσβασης", false, firm(Kind::PASSWORD)),
    ("密码", false, firm(Kind::PASSWORD)),
    ("密碼", false, firm(Kind::PASSWORD)),
    ("口令", false, firm(Kind::PASSWORD)),
    ("パスワード", false, firm(Kind::PASSWORD)),
    ("暗証番号", false, loose(Kind::PASSWORD)),
    ("비밀번호", false, firm(Kind::PASSWORD)),
    ("암호", false, firm(Kind::PASSWORD)),
    ("รหัสผ่าน", false, firm(Kind::PASSWORD)),
    ("كلمةالمرور", false, firm(Kind::PASSWORD)),
    ("كلمةالسر", false, firm(Kind::PASSWORD)),
    ("סיסמה", false, firm(Kind::PASSWORD)),
    ("סיסמא", false, firm(Kind::PASSWORD)),
    ("पासवर्ड", false, firm(Kind::PASSWORD)),
    ("passwordhash", false, loose(Kind::PASSWORD_HASH)),
    ("passwordhashed", false, loose(Kind::PASSWORD_HASH)),
    ("passwordencrypted", false, loose(Kind::PASSWORD_HASH)),
    ("hashedpassword", false, loose(Kind::PASSWORD_HASH)),
    ("encryptedpassword", false, loose(Kind::PASSWORD_HASH)),
    ("passwordsalt", false, loose(Kind::PASSWORD_HASH)),
    ("passwordsha256", false, loose(Kind::PASSWORD_HASH)),
    ("passwordmd5", false, loose(Kind::PASSWORD_HASH)),
    ("pwdhash", false, loose(Kind::PASSWORD_HASH)),
    ("passhash", false, loose(Kind::PASSWORD_HASH)),
    ("secretaccesskey", false, loose(Kind::AWS_SECRET)),
    ("awssecretkey", false, loose(Kind::AWS_SECRET)),
    ("awssecret", false, loose(Kind::AWS_SECRET)),
    ("totpsecret", false, loose(Kind::TOTP_SECRET)),
    ("hotpsecret", false, loose(Kind::TOTP_SECRET)),
    ("otpsecret", false, loose(Kind::TOTP_SECRET)),
    ("mfasecret", false, loose(Kind::TOTP_SECRET)),
    ("2fasecret", false, loose(Kind::TOTP_SECRET)),
    ("tfasecret", false, loose(Kind::TOTP_SECRET)),
    ("twofactorsecret", false, loose(Kind::TOTP_SECRET)),
    ("authenticatorsecret", false, loose(Kind::TOTP_SECRET)),
    ("otpseed", false, loose(Kind::TOTP_SECRET)),
    ("totpseed", false, loose(Kind::TOTP_SECRET)),
    ("mfaseed", false, loose(Kind::TOTP_SECRET)),
    ("otpkey", false, loose(Kind::TOTP_SECRET)),
    ("totpkey", false, loose(Kind::TOTP_SECRET)),
    ("mfakey", false, loose(Kind::TOTP_SECRET)),
    ("2fakey", false, loose(Kind::TOTP_SECRET)),
    ("authenticatorkey", false, loose(Kind::TOTP_SECRET)),
    ("totp", false, loose(Kind::TOTP_SECRET)),
    ("2fa", true, loose(Kind::TOTP_SECRET)),
    ("mfa", true, loose(Kind::TOTP_SECRET)),
    ("sessionid", false, loose(Kind::SESSION_ID)),
    ("sessid", false, loose(Kind::SESSION_ID)),
    ("sessiontoken", false, loose(Kind::SESSION_ID)),
    ("sessionkey", false, loose(Kind::SESSION_ID)),
    ("sessioncookie", false, loose(Kind::SESSION_ID)),
    ("sessionsecret", false, loose(Kind::API_KEY)),
    ("session", true, loose(Kind::SESSION_ID)),
    ("sess", true, loose(Kind::SESSION_ID)),
    ("sid", true, loose(Kind::SESSION_ID)),
    ("authcookie", false, loose(Kind::SESSION_ID)),
    ("cookie", true, loose(Kind::SESSION_ID)),
    ("csrftoken", false, loose(Kind::SESSION_ID)),
    ("xsrftoken", false, loose(Kind::SESSION_ID)),
    ("bearer", false, loose(Kind::BEARER)),
    ("bearertoken", false, loose(Kind::BEARER)),
    ("accesstoken", false, loose(Kind::BEARER)),
    ("authtoken", false, loose(Kind::BEARER)),
    ("idtoken", false, loose(Kind::BEARER)),
    ("oauthtoken", false, loose(Kind::BEARER)),
    ("refreshtoken", false, loose(Kind::BEARER)),
    ("authorization", false, loose(Kind::BEARER)),
    ("auth", true, loose(Kind::BEARER)),
    ("jwt", true, loose(Kind::BEARER)),
    ("token", false, loose(Kind::API_KEY)),
    ("tokens", false, loose(Kind::API_KEY)),
    ("secret", false, loose(Kind::API_KEY)),
    ("secrets", false, loose(Kind::API_KEY)),
    ("secretid", false, loose(Kind::API_KEY)),
    ("apikey", false, loose(Kind::API_KEY)),
    ("apikeys", false, loose(Kind::API_KEY)),
    ("accesskey", false, loose(Kind::API_KEY)),
    ("secretkey", false, loose(Kind::API_KEY)),
    ("secretkeybase", false, loose(Kind::API_KEY)),
    ("privatekey", false, loose(Kind::API_KEY)),
    ("signingkey", false, loose(Kind::API_KEY)),
    ("signaturekey", false, loose(Kind::API_KEY)),
    ("encryptionkey", false, loose(Kind::API_KEY)),
    ("decryptionkey", false, loose(Kind::API_KEY)),
    ("masterkey", false, loose(Kind::API_KEY)),
    ("accountkey", false, loose(Kind::API_KEY)),
    ("authkey", false, loose(Kind::API_KEY)),
    ("servicekey", false, loose(Kind::API_KEY)),
    ("servicerolekey", false, loose(Kind::API_KEY)),
    ("sharedkey", false, loose(Kind::API_KEY)),
    ("sharedaccesskey", false, loose(Kind::API_KEY)),
    ("sharedaccesssignature", false, loose(Kind::API_KEY)),
    ("storagekey", false, loose(Kind::API_KEY)),
    ("consumerkey", false, loose(Kind::API_KEY)),
    ("appkey", false, loose(Kind::API_KEY)),
    ("applicationkey", false, loose(Kind::API_KEY)),
    ("clientkey", false, loose(Kind::API_KEY)),
    ("deploykey", false, loose(Kind::API_KEY)),
    ("webhookkey", false, loose(Kind::API_KEY)),
    ("integrationkey", false, loose(Kind::API_KEY)),
    ("ingestionkey", false, loose(Kind::API_KEY)),
    ("ingestkey", false, loose(Kind::API_KEY)),
    ("subscriptionkey", false, loose(Kind::API_KEY)),
    ("functionkey", false, loose(Kind::API_KEY)),
    ("functionskey", false, loose(Kind::API_KEY)),
    ("adminkey", false, loose(Kind::API_KEY)),
    ("rootkey", false, loose(Kind::API_KEY)),
    ("serverkey", false, loose(Kind::API_KEY)),
    ("hmackey", false, loose(Kind::API_KEY)),
    ("aeskey", false, loose(Kind::API_KEY)),
    ("writekey", false, loose(Kind::API_KEY)),
    ("recoverykey", false, loose(Kind::API_KEY)),
    ("unsealkey", false, loose(Kind::API_KEY)),
    ("sshkey", false, loose(Kind::API_KEY)),
    ("credential", false, loose(Kind::API_KEY)),
    ("credentials", false, loose(Kind::API_KEY)),
    ("pat", true, loose(Kind::API_KEY)),
    ("mnemonic", true, firm(Kind::API_KEY)),
    ("seedphrase", false, firm(Kind::API_KEY)),
    ("apischlüssel", false, loose(Kind::API_KEY)),
    ("apischluessel", false, loose(Kind::API_KEY)),
    ("密钥", false, loose(Kind::API_KEY)),
    ("密鑰", false, loose(Kind::API_KEY)),
    ("令牌", false, loose(Kind::API_KEY)),
    ("トークン", false, loose(Kind::API_KEY)),
    ("토큰", false, loose(Kind::API_KEY)),
];

/// Words that may follow at the end of a name and change nothing.
const TAILS: &[&str] = &[
    "value",
    "val",
    "text",
    "plain",
    "plaintext",
    "cleartext",
    "raw",
    "new",
    "old",
    "current",
    "previous",
    "confirm",
    "confirmation",
    "again",
    "repeat",
    "prod",
    "production",
    "dev",
    "test",
    "staging",
    "live",
    "sandbox",
    "env",
    "str",
    "string",
    "input",
    "field",
    "primary",
    "secondary",
    "base64",
    "b64",
    "header",
    "default",
];

/// Ends that stand for something else: pages of a list, tokens of a language model, an indicator of them.
const OTHERS: &[&str] = &[
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "cursortoken",
    "synctoken",
    "paginationtoken",
    "starttoken",
    "maxtokens",
    "mintokens",
    "prompttokens",
    "completiontokens",
    "totaltokens",
    "inputtokens",
    "outputtokens",
    "boardingpass",
    "seasonpass",
    "skipass",
    "hallpass",
    "publicaccesskey",
    "idempotencykey",
    "publicapikey",
    "idempotencytoken",
];

/// The longest name that is read, from its end.
const LONGEST: usize = 64;

/// A name in lower case without what stands between its words, and where those begin.
struct Plain {
    bytes: [u8; LONGEST],
    length: usize,
    starts: u64,
}

impl Plain {
    fn of(name: &[u8]) -> Self {
        let mut plain = Self { bytes: [0; LONGEST], length: 0, starts: 0 };
        // What does not fit is at the front: only the end tells. Marks may be many.
        let name = name.get(name.len().saturating_sub(LONGEST)..).unwrap_or_default();
        let mut before = b' ';
        for byte in name.iter().copied() {
            let letter = byte.is_ascii_alphanumeric() || byte >= 0x80;
            if letter {
                let starts = !(before.is_ascii_alphanumeric() || before >= 0x80)
                    || byte.is_ascii_uppercase() && before.is_ascii_lowercase()
                    || byte.is_ascii_digit() && !before.is_ascii_digit();
                plain.starts |= u64::from(starts) << plain.length;
                if let Some(slot) = plain.bytes.get_mut(plain.length) {
                    *slot = byte.to_ascii_lowercase();
                    plain.length += 1;
                }
            }
            before = byte;
        }
        plain
    }

    fn ends_with(&self, end: &str, at_word: bool) -> bool {
        let Some(from) = self.length.checked_sub(end.len()) else { return false };
        self.bytes.get(from..self.length) == Some(end.as_bytes()) && (!at_word || self.starts >> from & 1 == 1)
    }

    /// Without a tail that changes nothing; false if it has none.
    fn shorten(&mut self) -> bool {
        let all = self.bytes.get(..self.length).unwrap_or_default();
        let digits = all.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let tail = match digits {
            0 => TAILS.iter().find(|tail| self.ends_with(tail, true)).map_or(0, |tail| tail.len()),
            // `md5` and `sha256` are no numbers of their own.
            digits => digits,
        };
        self.length -= tail;
        tail > 0 && self.length > 0
    }
}

/// What a name says of its value, if it says that it is secret.
pub(super) fn said(name: &[u8]) -> Option<Said> {
    let mut plain = Plain::of(name);
    loop {
        if OTHERS.iter().any(|other| plain.ends_with(other, false)) {
            return None;
        }
        let last = plain.length.checked_sub(1).and_then(|at| plain.bytes.get(at)).copied()?;
        let fits = |(end, at_word, _): &&(&str, bool, Said)| end.as_bytes().last() == Some(&last) && plain.ends_with(end, *at_word);
        if let Some((_, _, said)) = ENDS.iter().filter(fits).max_by_key(|(end, _, _)| end.len()) {
            return Some(*said);
        }
        if !plain.shorten() {
            return None;
        }
    }
}
