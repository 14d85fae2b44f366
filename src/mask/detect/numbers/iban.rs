//! International account numbers: a country, its length, and MOD 97-10; in one piece or in groups.

use super::checks::mod97;

/// How long the numbers of each country are (the registry of ISO 13616, and those outside it that check alike).
const LENGTHS: &[([u8; 2], usize)] = &[
    (*b"AD", 24),
    (*b"AE", 23),
    (*b"AL", 28),
    (*b"AO", 25),
    (*b"AT", 20),
    (*b"AZ", 28),
    (*b"BA", 20),
    (*b"BE", 16),
    (*b"BF", 28),
    (*b"BG", 22),
    (*b"BH", 22),
    (*b"BI", 27),
    (*b"BJ", 28),
    (*b"BR", 29),
    (*b"BY", 28),
    (*b"CF", 27),
    (*b"CG", 27),
    (*b"CH", 21),
    (*b"CI", 28),
    (*b"CM", 27),
    (*b"CR", 22),
    (*b"CV", 25),
    (*b"CY", 28),
    (*b"CZ", 24),
    (*b"DE", 22),
    (*b"DJ", 27),
    (*b"DK", 18),
    (*b"DO", 28),
    (*b"DZ", 26),
    (*b"EE", 20),
    (*b"EG", 29),
    (*b"ES", 24),
    (*b"FI", 18),
    (*b"FK", 18),
    (*b"FO", 18),
    (*b"FR", 27),
    (*b"GA", 27),
    (*b"GB", 22),
    (*b"GE", 22),
    (*b"GI", 23),
    (*b"GL", 18),
    (*b"GQ", 27),
    (*b"GR", 27),
    (*b"GT", 28),
    (*b"GW", 25),
    (*b"HN", 28),
    (*b"HR", 21),
    (*b"HU", 28),
    (*b"IE", 22),
    (*b"IL", 23),
    (*b"IQ", 23),
    (*b"IR", 26),
    (*b"IS", 26),
    (*b"IT", 27),
    (*b"JO", 30),
    (*b"KM", 27),
    (*b"KW", 30),
    (*b"KZ", 20),
    (*b"LB", 28),
    (*b"LC", 32),
    (*b"LI", 21),
    (*b"LT", 20),
    (*b"LU", 20),
    (*b"LV", 21),
    (*b"LY", 25),
    (*b"MA", 28),
    (*b"MC", 27),
    (*b"MD", 24),
    (*b"ME", 22),
    (*b"MG", 27),
    (*b"MK", 19),
    (*b"ML", 28),
    (*b"MN", 20),
    (*b"MR", 27),
    (*b"MT", 31),
    (*b"MU", 30),
    (*b"MZ", 25),
    (*b"NE", 28),
    (*b"NI", 28),
    (*b"NL", 18),
    (*b"NO", 15),
    (*b"OM", 23),
    (*b"PK", 24),
    (*b"PL", 28),
    (*b"PS", 29),
    (*b"PT", 25),
    (*b"QA", 29),
    (*b"RO", 24),
    (*b"RS", 22),
    (*b"RU", 33),
    (*b"SA", 24),
    (*b"SC", 31),
    (*b"SD", 18),
    (*b"SE", 24),
    (*b"SI", 19),
    (*b"SK", 24),
    (*b"SM", 27),
    (*b"SN", 28),
    (*b"SO", 23),
    (*b"ST", 25),
    (*b"SV", 28),
    (*b"TD", 27),
    (*b"TG", 28),
    (*b"TL", 23),
    (*b"TN", 24),
    (*b"TR", 26),
    (*b"UA", 29),
    (*b"VA", 22),
    (*b"VG", 24),
    (*b"XK", 20),
    (*b"YE", 30),
];

/// Codes of countries (ISO 3166) that no account number begins with.
const OTHERS: &[u8] = b"AFAGAIAMAQARASAUAWAXBBBDBLBMBNBOBQBSBTBVBWBZCACCCDCKCLCNCOCUCWCXDMECEHERETFJFMGDGFGGGHGMGNGPGSGUGYHKHMHTIDIMINIOJEJMJPKEKGKHKIKNKPKRKYLALKLRLSMFMHMMMOMPMQMSMVMWMXMYNANCNFNGNPNRNUNZPAPEPFPGPHPMPNPRPWPYRERWSBSGSHSJSLSRSSSXSYSZTCTFTHTJTKTMTOTTTVTWTZUGUMUSUYUZVCVEVIVNVUWFWSYTZAZMZW";

fn length_of(country: &[u8]) -> Option<usize> {
    let upper = [country.first()?.to_ascii_uppercase(), country.get(1)?.to_ascii_uppercase()];
    LENGTHS.binary_search_by(|(known, _)| known.cmp(&upper)).ok().and_then(|place| LENGTHS.get(place)).map(|(_, length)| *length)
}

pub fn is_country(code: &[u8]) -> bool {
    length_of(code).is_some() || OTHERS.as_chunks::<2>().0.iter().any(|known| known == code)
}

/// Where an account number that begins at `start` ends. Between its characters a space, a dash or a point may stand.
pub fn iban(text: &[u8], start: usize) -> Option<usize> {
    let [a, b, c, ..] = text.get(start..)? else { return None };
    if !a.is_ascii_alphabetic() || !b.is_ascii_alphabetic() || !(c.is_ascii_digit() || matches!(c, b' ' | b'-')) {
        return None;
    }
    let length = length_of(&[*a, *b])?;
    let mut kept = [0_u8; 34];
    let (mut filled, mut at, mut signs) = (0, start, 0);
    while filled < length {
        let byte = *text.get(at)?;
        if byte.is_ascii_alphanumeric() {
            *kept.get_mut(filled)? = byte;
            filled += 1;
            signs = 0;
        } else if matches!(byte, b' ' | b'-' | b'.') && signs == 0 {
            signs = 1;
        } else {
            return None;
        }
        at += 1;
    }
    let all = kept.get(..length)?;
    let (head, body) = all.split_at(4);
    let shaped = head.get(2..)?.iter().all(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_digit);
    let checks = mod97(body.iter().chain(head).copied()) == 1;
    (shaped && checks && !text.get(at).is_some_and(u8::is_ascii_alphanumeric)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_in_order() {
        assert!(LENGTHS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(is_country(b"DE") && is_country(b"US") && is_country(b"ZW") && !is_country(b"QQ"));
    }
}
