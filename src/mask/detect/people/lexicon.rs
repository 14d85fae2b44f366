//! What is known of words. The tables are lists of words beside this file, folded (no accents, no capitals), any order, any white space; a word may
//! be in several.

use std::sync::LazyLock;

use crate::mask::words::{Fold, Tails, Words};

pub type Bits = u32;

/// A first name.
pub const FIRST: Bits = 1;
/// A family name.
pub const LAST: Bits = 1 << 1;
/// A word of ordinary texts, products or firms: no part of a name.
pub const PLAIN: Bits = 1 << 2;
/// `Mr`, `Frau`: a name follows.
pub const TITLE: Bits = 1 << 3;
/// `Patient`, `titular`: a name may follow.
pub const CUE: Bits = 1 << 4;
/// `lives`, `wohnt`: a name may stand before.
pub const DOES: Bits = 1 << 5;
/// `de`, `van`: between the parts of a name.
pub const PARTICLE: Bits = 1 << 6;
/// `street`, `rue`.
pub const STREET: Bits = 1 << 7;
/// `Apt`, `Piso`.
pub const UNIT: Bits = 1 << 8;
/// `lives at`, `adresse`: an address follows.
pub const DWELLS: Bits = 1 << 9;
pub const DRUG: Bits = 1 << 10;
/// `mg`, `tablet`.
pub const DOSE: Bits = 1 << 11;
/// `prescribed`, `taking`: a drug follows.
pub const TAKES: Bits = 1 << 12;
/// Firms and goods that are called like persons, written as one word.
pub const BRAND: Bits = 1 << 13;
/// A city, a country.
pub const PLACE: Bits = 1 << 14;
/// A family name of one or two letters of China, Japan or Korea.
pub const SURNAME: Bits = 1 << 15;

/// Names of drugs.
pub const DRUGS: &str = include_str!("drugs.txt");

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let tables = [
        (include_str!("first.txt"), FIRST),
        (include_str!("last.txt"), LAST),
        (include_str!("plain.txt"), PLAIN),
        (include_str!("brands.txt"), BRAND),
        (include_str!("places.txt"), PLACE),
        (DRUGS, DRUG),
        (include_str!("surnames.txt"), SURNAME),
        (TITLES, TITLE),
        (CUES, CUE),
        (DOING, DOES),
        (PARTICLES, PARTICLE),
        (STREETS, STREET),
        (UNITS, UNIT),
        (DWELLING, DWELLS),
        (DOSES, DOSE),
        (TAKING, TAKES),
    ];
    Words::of(tables.into_iter().flat_map(|(words, bits)| words.split_whitespace().map(move |word| (word, bits))))
});

/// What is known of a word. No word that is known has a digit in front.
pub fn get(word: &[u8]) -> Bits {
    if word.first().is_some_and(u8::is_ascii_digit) { 0 } else { WORDS.find(word) }
}

/// How the words end after which an address follows.
static DWELLING_TAILS: LazyLock<Tails> = LazyLock::new(|| Tails::of(DWELLING.split_whitespace()));

/// Whether a word may say that an address follows, or be the end of several that do.
pub fn may_dwell(word: &[u8]) -> bool {
    DWELLING_TAILS.may_be(word)
}

pub fn get_folded(word: Fold) -> Bits {
    WORDS.get(word)
}

const TITLES: &str = "mr mrs ms miss mx dr prof professor sir madam dame lord lady rev reverend fr hon judge capt captain lt col sgt officer \
    herr frau hr fru frk doktor ing dipl mag hrn mme mlle monsieur madame mademoiselle me maitre docteur sr sra srta senor senora senorita don dona dra \
    senhor senhora doutor doutora sig signor signora signorina dott dottor dottoressa dottssa avv geom dhr mevr mw meneer mevrouw pan pani panna bay bayan bey hanim \
    bapak ibu bpk pak bu tuan nyonya nona ong anh chi herra rouva neiti господин госпожа г-н г-жа κ κυριος κυρια shri smt sri haji datuk";

const CUES: &str = "called patient patients name client customer contact contacted emailed phoned spoke met signed signer attn attention dear hi hello hey user titular nombre nome nom naam navn namn imie nazwisko \
    cliente paciente patiente patienten kunde kundin klant klient pacjent kund asiakas musteri hasta pelanggan pasien cc bcc from sender recipient to via tenant guest member employee manager owner holder cardholder beneficiary payee payer applicant \
    candidate student teacher driver passenger insured claimant witness caller visitor author reviewer assignee reporter agent rep regards sincerely thanks cheers best yours hallo liebe lieber bonjour hola estimado estimada ola caro cara ciao gentile beste hei hej merhaba sayin \
    issued registered belongs assigned transferred referred addressed named survived wife husband son daughter mother father brother sister spouse child parent inhaber kontoinhaber karteninhaber ansprechpartner versicherter mitarbeiter \
    beneficiario beneficiaire titulaire destinataire destinatario destinataria remitente remetente employe empleado funcionario responsable responsavel intestatario proprietario mittente zleceniodawca odbiorca nadawca mottagare modtager saaja gonderen alici penerima pengirim \
    fullname firstname lastname surname username clientname customername patientname ordered by for with requested approved reviewed created";

const DOING: &str = "lives lived resides called calls phoned emailed wrote writes said says asked asks requested requests reported reports complained confirmed confirms paid bought ordered signed signs moved works worked joined left visited was is has born died married \
    wohnt lebt rief schrieb sagte fragte bestatigte bestellte hat ist habite vit appelle demande ecrit vive reside llamo escribio dijo pregunto solicito mora reside ligou escreveu disse pediu abita vive risiede chiama scrive chiede woont belde schreef zei vroeg mieszka dzwonil pisze \
    bor ringte skrev sade asuu soitti kirjoitti oturuyor aradi yazdi tinggal menelepon menulis";

const PARTICLES: &str = "de da do dos das del della delle dello di du des d la le les lo van von der den het ter ten te zu zum zur vom am auf el al ul bin binti bint ibn ben abu abd y e i und af av of st san santa santo mc mac o ap op 't";

const STREETS: &str = "street mall st road rd avenue ave av boulevard blvd lane ln drive dr court ct circle cir way terrace ter trail trl parkway pkwy highway hwy square sq crescent cres close grove gardens walk row mews turnpike tpke expressway expy freeway fwy plaza plz alley aly bypass causeway crossing \
    common commons corner corners cove estate estates extension ext falls ferry field fields flat ford forge fork fort garden gateway glen green harbor haven heights hill hills hollow inlet island isle junction knoll knolls lake landing loaf lock locks lodge loop manor meadow meadows mill mills mission \
    motorway mount mountain neck orchard oval overpass park parks pass passage path pike pine pines place plain plains point port prairie radial ramp ranch rapid rest ridge river roads route rue run shoal shore shores skyway spring springs spur squares station stravenue stream streets summit throughway trace track trafficway tunnel union unions valley via viaduct view views village ville vista wall well wells brook brooks bluff bend branch bridge burg camp canyon cape center club cliff dale dam divide \
    rues chemin impasse allee cours quai chaussee faubourg sentier venelle rond calle avenida avda paseo plaza ronda rambla camino carretera callejon cuesta glorieta pasaje pasadizo travesia via urbanizacion alameda vial acceso corredor circunvalacion prolongacion privada calzada andador diagonal cerrada autopista calzada eje viaducto retorno periferico \
    rua travessa alameda praca largo beco estrada rodovia ladeira viela vila jardim lote loteamento setor quadra conjunto condominio parque passarela patio residencial sitio trecho trevo vale vereda via fazenda feira favela esplanada estacao morro nucleo lago lagoa colonia chacara campo area aeroporto distrito recanto conjunto \
    piazza corso viale vicolo piazzale borgo contrada strada largo canale rotonda incrocio stretto lungomare galleria salita straße strasse str platz weg gasse ring allee ufer damm chaussee steig stieg pfad promenade markt hof wall graben zeile berg \
    straat laan plein gracht kade dijk singel steeg dreef hof pad ulica ul aleja aleje al plac pl osiedle os rondo gata gatan vag vagen grand torg stig gate veien vei vej vejen gade alle stien katu tie kuja polku raitti sokak sokagi sk cadde caddesi cd bulvari blv mahallesi mah meydani \
    jalan jl jln gang gg lorong perumahan komplek duong pho ngo hem quan phuong utca ut ter koz setany korut fasor ulice namesti trida nabrezi nam namestie nabrezie strada bulevardul aleea calea soseaua intrarea piata ulitsa prospekt pereulok shosse naberezhnaya proezd bulvar ploshchad ulitca odos leoforos plateia улица ул проспект пр-т просп пер переулок шоссе наб набережная бульвар площадь пл проезд тупик алея вулиця вул οδος λεωφορος πλατεια شارع طريق רחוב שדרות मार्ग रोड नगर rd marg nagar chowk gali soi thanon \
    rua ruela ulka cesta trg put iela gatve tänav tanav maantee puiestee gatvė gatve prospektas rrruga rruga bulevardi drum wynd brae fold gait heath dell";

const UNITS: &str = "apt apartment suite ste unit flat floor fl room rm studio box po pobox pmb bldg building block blk piso puerta planta esc escalera bajo atico interior int depto departamento local apto apartamento bloco sala andar casa cjto lt qd km interno scala palazzina bus bte boite etage bat batiment app appartement residence postfach etg stock whg wohnung zimmer hus lgh kat daire no nr rt rw kel kec kav kab blok \
    dpo apo fpo psc кв квартира дом корп корпус стр офис под оф д emelet ajto byt bl sc ap et";

const DWELLING: &str = "livesat livingat residesat residingat residentat locatedat address addressis homeaddress adresse anschrift adres adresa direccion domicilio endereco morada indirizzo residenzain residentein wohntin wohnhaft wohnhaftin wohnhaftinder wohntinder wohnort habite habiteau demeurant domicilieau viveen reside domiciliadoen viveem moraem residenteem abitain woontop woontin wonendete mieszkaprzy zamieszkaly zamieszkalaprzy borpa bori asuu asuuosoitteessa adresi alamat tinggaldi \
    shipto shippedto shippingto deliverto deliveredto delivery sendto sentto mailto movedto relocatedto billto billing lieferadresse livraisonau enviara enviaren entregarem spedirea bezorgenop адрес проживает проживаетпоадресу dwellsat visitat pickupat pickupfrom dropoffat";

const DOSES: &str = "mg mcg ug ml g iu units unit tablet tablets tab tabs capsule capsules cap caps pill pills dose doses daily bid tid qid qd qhs prn po injection inj patch cream ointment drops drop spray inhaler puff puffs syrup suspension solution vial ampoule er xr sr hcl sodium potassium calcium \
    tabletten tablette kapsel kapseln tropfen salbe comprime comprimes gelule gelules gouttes comprimido comprimidos capsula capsulas gotas compressa compresse gocce tabletki";

const TAKING: &str = "started starts start starting prescribed prescribe prescribes prescription rx takes taking taken took on given medication medications medicine meds med drug drugs dose dosed dosage administered administer continue continued continues continuing stop stopped discontinued discontinue increase increased decrease decreased allergic allergy allergies switched switch to with plus \
    verschrieben nimmt einnahme medikament verordnet erhalt prescrit prend traitement medicament sous recetado toma medicamento tratamiento prescrito tratamento receitado assume terapia prescritto farmaco voorgeschreven gebruikt medicijn przepisano bierze lek ordinerat tar lakemedel";
