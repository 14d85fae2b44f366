use super::*;

#[test]
fn no_name_is_said_to_be_two_things() {
    let mut seen = std::collections::HashMap::new();
    let mut twice = Vec::new();
    for (place, (_, _, names)) in table::KINDS.iter().enumerate() {
        for name in names.split_ascii_whitespace() {
            if let Some(before) = seen.insert(name, place) {
                twice.push((name, before, place));
            }
        }
    }
    assert_eq!(twice, []);
}

#[track_caller]
fn strong(table: &str, name: &str, kind: Kind) {
    let spoken = of_column(table.as_bytes(), name.as_bytes());
    assert!(spoken.strong.has(kind), "{table}.{name}: {spoken:?}");
}

#[track_caller]
fn nothing(table: &str, name: &str) {
    let spoken = of_column(table.as_bytes(), name.as_bytes());
    assert!(spoken.strong.is_empty(), "{table}.{name}: {spoken:?}");
}

#[test]
fn names_are_read_however_they_are_put_together() {
    for name in [
        "date_of_birth",
        "dateOfBirth",
        "DateOfBirth",
        "DATE-OF-BIRTH",
        "date of birth",
        "patient_dob",
        "dob",
        "DOB",
        "dob1",
        "Geburtsdatum",
        "fecha_de_nacimiento",
        "doğum_tarihi",
    ] {
        strong("", name, Kind::DOB);
    }
    for name in [
        "first_name",
        "firstName",
        "FIRSTNAME",
        "cust_first_name",
        "Vorname",
        "prénom",
        "nombre_completo",
        "customer_name",
        "customers.name",
        "姓名",
        "фамилия",
        "billing_first_name",
    ] {
        strong("", name, Kind::PERSON);
    }
    strong("", "SSNNumber", Kind::US_SSN);
    strong("", "employee_ssn", Kind::US_SSN);
    strong("users", "name", Kind::PERSON);
    strong("crm.Customers", "name", Kind::PERSON);
    strong("", "email_address", Kind::EMAIL);
    strong("", "addressLine1", Kind::ADDRESS);
    strong("", "home_phone_2", Kind::PHONE);
    strong("", "tax_id", Kind::BR_CPF);
}

#[test]
fn what_is_about_a_value_is_not_the_value() {
    for name in [
        "password_status",
        "email_verified",
        "phone_type",
        "ssn_collected",
        "token_count",
        "passwordResetAllowed",
        "is_email",
        "has_phone",
        "session_user",
        "current_user",
        "card_brand",
        "address_id",
        "product_name",
        "file_name",
        "hostName",
        "company_name",
        "country_name",
        "email_template_id",
        "password_changed_at",
        "num_cards",
        "user_agent_type",
    ] {
        nothing("", name);
    }
    for table in ["catalog", "products", "companies", "files", "hosts"] {
        nothing(table, "name");
    }
    assert!(!of_name(b"name").strong.has(Kind::PERSON));
    assert!(of_name(b"name").weak.has(Kind::PERSON));
}

#[test]
fn words_before_a_value_say_what_it_is() {
    let check = |text: &str, kind: Kind| {
        let at = text.find('X').unwrap();
        let spoken = said_before(text.as_bytes(), at);
        assert!(spoken.strong.has(kind), "{text}: {spoken:?}");
    };
    check("cvv X", Kind::CVV);
    check("card 4111 cvv: X", Kind::CVV);
    check("account number X", Kind::BANK_ACCOUNT);
    check("ABA routing X", Kind::US_ABA);
    check("NHS no. X", Kind::UK_NHS);
    check("the passport number is X", Kind::PASSPORT);
    check("D.O.B. X", Kind::DOB);
    check("née le X", Kind::DOB);
    check("Geburtsdatum: X", Kind::DOB);
    check("date_of_birth=X", Kind::DOB);
    check("(BIC X", Kind::SWIFT);
    check("\"driverLicense\": \"X", Kind::DRIVER_LICENSE);
    assert_eq!(said_before(b"password_status: X", 17).strong, KindSet::NONE);
    assert_eq!(said_before(b"the order X", 10).strong, KindSet::NONE);
    assert_eq!(said_before(b"X", 0), Spoken::NOTHING);
}

#[test]
fn what_was_remembered_is_what_would_be_found() {
    let mut cache = Cache::default();
    for _ in 0..3 {
        for name in ["email", "name", "ssn", "x", "firstName", "password_status", "", "a_key_that_is_so_long_that_it_is_not_kept_email"] {
            assert_eq!(cache.of(name.as_bytes()), of_name(name.as_bytes()));
        }
    }
}
