//! What people call the columns, keys and fields that hold sensitive values, in the languages that schemas are written in. Words are folded: no
//! accents, no capitals; a name of several words is written as one.

use crate::mask::Kind;

/// How much a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// What it names is that.
    Strong,
    /// It may be that: values have to look like it.
    Weak,
}
use Says::{Strong, Weak};

pub(super) const KINDS: &[(Says, &[Kind], &str)] = &[
    // Persons.
    (
        Strong,
        &[Kind::PERSON],
        "firstname fname givenname forename middlename mname lastname lname surname familyname fullname realname legalname maidenname birthname \
         preferredname nickname personname contactname customername clientname patientname employeename membername guestname \
         studentname teachername doctorname physicianname providername nursename parentname mothername fathername spousename childname \
         cardholder cardholdername nameoncard accountholder accountholdername accountname holdername ownername recipientname beneficiary beneficiaryname \
         payeename payername remittername sendername receivername buyername shippername consigneename attendeename passengername travelername \
         travellername drivername tenantname landlordname authorname reviewername reportername signername signatory signedby applicantname \
         candidatename managername salesperson salesrep contactperson kinname nextofkin emergencycontact emergencycontactname insuredname \
         policyholder policyholdername subscribername voterinname votername donorname witnessname nameofpatient nameofcustomer \
         firstnamelastname lastnamefirstname displayfullname attn attention firstnm lastnm custname empname ptname \
         vorname nachname familienname zuname rufname geburtsname kundenname ansprechpartner karteninhaber kontoinhaber \
         patientenname mitarbeitername inhaber empfanger empfaenger absender rechnungsempfanger \
         prenom prenoms nomfamille nomdefamille nomcomplet nomprenom nomclient nompatient nomusage nomnaissance nomdenaissance titulaire beneficiaire destinataire \
         primernombre segundonombre nombres apellido apellidos primerapellido segundoapellido apellidopaterno apellidomaterno nombrecompleto nombrecliente nombrepaciente \
         titular beneficiario destinatario nombreusuario nombreyapellidos nombredepila \
         nomecompleto sobrenome primeironome ultimonome nomecliente nomepaciente nomedamae nomemae nomedopai nomepai nomesocial apelido apelidos \
         cognome nomecognome nominativo intestatario \
         voornaam voornamen achternaam tussenvoegsel volledigenaam klantnaam roepnaam geboortenaam naamhouder \
         imie imiona nazwisko imienazwisko imieinazwisko nazwiskorodowe \
         fornamn efternamn tilltalsnamn fornavn etternavn efternavn mellomnavn mellemnavn fuldenavn fulltnavn etunimi sukunimi kokonimi kutsumanimi \
         adisoyadi adsoyad soyad soyadi isimsoyisim soyisim \
         namalengkap namadepan namabelakang namapelanggan namaibu namaibukandung namapasien namakaryawan namapanggilan \
         hoten hovaten tenkhachhang tendem \
         jmeno prijmeni krestnijmeno meno priezvisko keresztnev vezeteknev teljesnev csaladnev prenume numedefamilie numecomplet \
         imya familiya otchestvo fio imiaotchestvo polnoeimya pib prizvyshche ime prezime onoma eponymo onomateponymo \
         shimei seimei namae myoji myouji sei mei kanjiname kananame furigana xingming xingshi mingzi ireum seongmyeong \
         имя фамилия отчество фио полноеимя імя прізвище όνομα επώνυμο ονοματεπώνυμο 姓名 名前 氏名 名字 お名前 성명 이름 이름성 الاسم اسم שם שםמלא नाम",
    ),
    (
        Weak,
        &[Kind::PERSON],
        "name nom nombre nome naam namn navn nimi imienazw ad adi isim nama ten nev nume jmenoprijmeni names person persons people contact contacts \
         customer customers client clients patient patients employee employees member members guest guests student students teacher owner owners holder \
         recipient sender receiver buyer seller payee payer author authors reviewer reporter assignee attendee attendees participant participants passenger driver tenant \
         landlord manager supervisor agent rep doctor physician nurse provider prescriber parent mother father spouse child witness applicant candidate donor insured \
         subscriber voter signer requester requestor creator createdby updatedby modifiedby approvedby assignedto reportedby who by initials \
         kunde kunden mitarbeiter arzt antragsteller fahrer mieter nutzername bearbeiter verantwortlicher \
         personne employe medecin auteur locataire conducteur responsable \
         persona cliente paciente empleado medico autor conductor inquilino pessoa funcionario autore dipendente paziente medewerker klant patienten auteurs \
         pacjent klient pracownik anstalld kund potilas asiakas musteri hasta calisan pelanggan pasien karyawan pemilik displayname screenname label title",
    ),
    // Ways to reach somebody.
    (
        Strong,
        &[Kind::EMAIL],
        "email emails mail emailaddress mailaddress emailaddr emailid useremail contactemail workemail homeemail personalemail primaryemail eaddress \
         epost epostadress epostadresse sahkoposti eposta epostaadresi surel alamatemail adresseemail adressemail courriel correo correoelectronico correos emailcim \
         emailadresse mailadresse emailadres enderecodeemail correoe poczta pocztaelektroniczna posta postaelettronica indirizzoemail \
         elektronnayapochta pochta почта электроннаяпочта メール メールアドレス 邮箱 电子邮件 이메일 البريدالإلكتروني",
    ),
    (
        Strong,
        &[Kind::PHONE],
        "phone phones phonenumber phoneno phonenum telephone telephonenumber telephoneno tel telno telnumber telnr mobile mobilenumber mobileno mobilephone \
         cell cellphone cellnumber msisdn fax faxnumber faxno homephone workphone officephone contactnumber contactno callerid callernumber whatsapp whatsappnumber smsnumber landline daytimephone eveningphone \
         telefon telefonnummer telefonnr rufnummer handy handynummer mobilnummer mobiltelefon festnetz mobilfunk telefonu \
         telephonefixe telephonemobile portable numerotelephone numerodetelephone telportable gsm \
         telefono telefonos numerotelefono numerodetelefono movil celular numerocelular telefonomovil telefonofijo \
         telefone telemovel telefonecelular numerotelefone numerodetelefone fone cellulare numerodicellulare recapitotelefonico \
         telefoon telefoonnummer mobielnummer mobiel numertelefonu telefonkomorkowy komorka nrtelefonu mobilnr tlf tlfnr puhelin puhelinnumero matkapuhelin \
         ceptelefonu ceptel telefonno nomortelepon nomorhp nohp notelp notelepon telepon sodienthoai dienthoai sdt telefonszam cislotelefonu mobil \
         nomertelefona telefonnomer телефон номертелефона тел мобильный 電話番号 電話 手机 手机号 电话 携帯 휴대폰 전화번호 전화 هاتف رقمالهاتف הטלפון טלפון नंबर",
    ),
    (
        Strong,
        &[Kind::ADDRESS],
        "streetaddress postaladdress mailingaddress homeaddress billingaddress shippingaddress deliveryaddress residentialaddress permanentaddress currentaddress \
         workaddress officeaddress physicaladdress addressline addressline1 addressline2 addressline3 address1 address2 address3 addr1 addr2 addrline1 addrline2 addressfull fulladdress \
         streetname streetno streetnumber streetline street1 street2 streetaddress1 streetaddress2 housenumber houseno housenr shipto billto shiptoaddress billtoaddress \
         shipaddress billaddress addressofpatient contactaddress customeraddress clientaddress patientaddress employeeaddress useraddress locationaddress residence placeofresidence domicile \
         anschrift strasse strassehausnummer hausnummer hausnr wohnort wohnadresse lieferadresse rechnungsadresse postanschrift strassenr wohnanschrift \
         adressepostale adresselivraison adressefacturation numerorue domicilio direccion direcciones direccionenvio direccionfacturacion calle callenumero direccionpostal \
         endereco enderecos logradouro rua enderecoentrega enderecocobranca morada moradas residencia indirizzo indirizzi viaenumero indirizzospedizione indirizzoresidenza residenza \
         straat straatnaam huisnummer straathuisnummer woonadres postadres bezorgadres factuuradres adreszamieszkania ulica ulicanumer adresdostawy zamieszkanie \
         gatuadress gata bostadsadress postadress leveransadress gateadresse postadresse folkeregisteradresse vejnavn bopael katuosoite osoite kotiosoite \
         sokak cadde evadresi acikadres alamat alamatrumah alamatlengkap alamatpengiriman diachi diachinha lakcim ulicecislo adresabydliste adresatrvala \
         adresdomiciliu domiciliu adreslokalu adreskorespondencyjny pochtovyadres ulitsa adresprozhivaniya адрес адреспроживания улица domov juusho jusho dizhi juso adresim \
         住所 地址 주소 العنوان عنوان כתובת पता διεύθυνση οδός",
    ),
    (
        Weak,
        &[Kind::ADDRESS],
        "via rue address addresses addr adresse adres adresa adress line line1 line2 line3 street streets location ort lieu location1 domicilios direc dir shipping billing place home residenceaddress venue",
    ),
    (
        Strong,
        &[Kind::IP],
        "ip ipaddress ipaddr ipv4 ipv6 clientip remoteip remoteaddr remoteaddress userip sourceip srcip destip dstip hostip loginip lastip lastloginip lastsigninip currentsigninip signupip registrationip originip \
         xforwardedfor adresseip direccionip ipadresse ipadres enderecoip indirizzoip",
    ),
    (
        Strong,
        &[Kind::MAC],
        "mac macaddress macaddr hwaddr hwaddress hardwareaddress ethernetaddress bssid wifimac bluetoothmac adressemac macadresse",
    ),
    // Dates of birth.
    (
        Strong,
        &[Kind::DOB],
        "dob dateofbirth birthdate birthday birthdt bdate bday borndate bornon dateborn born birth birthdayon dobirth patientdob customerdob \
         geburtsdatum geburtstag gebdatum gebdat geb geboren geborenam datenaissance neele nacidoel nacidael nascidoem nascidaem nacido nacida nascido nascida natail nato nata urodzona rozena narozen fodd fodt1 syntynyt dogumlu datedenaissance naissance ddn nele fechanacimiento fechadenacimiento fnacimiento fecnac fechanac nacimiento \
         datanascimento datadenascimento nascimento dtnascimento dtnasc datanasc datanascita datadinascita nascita natoil geboortedatum gebdatum1 \
         dataurodzenia urodzony urodzenia fodelsedatum fodelsedag fodselsdato fodselsdag fodt syntymaaika syntymapaiva dogumtarihi dogumgunu dtarihi \
         tanggallahir tgllahir lahir ngaysinh szuletesidatum szuletett datumnarozeni datumnarodenia narozeni datanasterii datanastere nascut datarozhdeniya rozhdenie datumrodenja datumrojstva \
         imerominiagennisis seinengappi shengri shengchen saengnyeonworil saengil датарождения деньрождения датанародження 生年月日 誕生日 出生日期 生日 생년월일 생일 تاريخالميلاد תאריךלידה जन्मतिथि ημερομηνίαγέννησης",
    ),
    // Accounts.
    (
        Strong,
        &[Kind::USERNAME],
        "username usernames userlogin loginname login loginid logon logonname signinname accountusername uname usrname userhandle handle nick nickn screennameid samaccountname userprincipalname upn \
         benutzername benutzer benutzerkennung anmeldename nomutilisateur nomdutilisateur identifiant utilisateur usuario nombredeusuario nomedeusuario nomeusuario utente nomeutente \
         gebruikersnaam gebruiker nazwauzytkownika uzytkownik anvandarnamn brukernavn brugernavn kayttajatunnus kayttajanimi kullaniciadi kullanici namapengguna tendangnhap felhasznalonev \
         uzivatelskejmeno uzivatel numeutilizator imyapolzovatelya логин имяпользователя twitterhandle githubusername gitlogin telegram skype skypeid discord instagram ユーザー名 用户名 사용자이름",
    ),
    (Weak, &[Kind::USERNAME], "user usr account acct uid gamertag alias aliases"),
    (
        Strong,
        &[Kind::PASSPORT],
        "passport passportno passportnum passportnumber passportid passports reisepass reisepassnummer passnummer passnr passeport numeropasseport numerodepasseport pasaporte numeropasaporte numerodepasaporte \
         passaporte numeropassaporte numerodopassaporte passaporto numeropassaporto paspoort paspoortnummer paszport numerpaszportu nrpaszportu pass_nr passi passinnumero pasaport pasaportno nomorpaspor nopaspor paspor \
         hochieu sohochieu utlevel utlevelszam cestovnipas cislopasu pasnr pasnummer zagranpasport nomerpasporta pasport паспорт номерпаспорта traveldocument traveldocumentno traveldocumentnumber 護照 护照 护照号 パスポート 旅券番号 여권번호",
    ),
    (
        Strong,
        &[Kind::DRIVER_LICENSE],
        "driverlicense driverslicense driverlicence driverslicence driverlicensenumber driverslicensenumber driverslicenseno driverlicenseno driverlicencenumber drivinglicense drivinglicence drivinglicensenumber drivinglicencenumber drivinglicenceno dlnumber dlno dl dln licensenumber licencenumber licenseno licenceno driverid drivinglic \
         fuhrerschein fuehrerschein fuhrerscheinnummer fuhrerscheinnr permisconduire permisdeconduire numeropermis permisconducir permisodeconducir licenciaconducir licenciadeconducir numerolicencia carnetdeconducir cnh numerocnh carteiramotorista cartadeconducao patente patenteguida numeropatente rijbewijs rijbewijsnummer prawojazdy numerprawajazdy \
         korkort korkortsnummer forerkort forerkortnummer korekort korekortnummer ajokortti ehliyet ehliyetno surucubelgesi sim nosim nomorsim giaypheplaixe vezetoiengedely ridicskyprukaz permisauto vodiyskeposvidchennya voditelskoeudostoverenie водительскоеудостоверение 運転免許証 驾驶证",
    ),
    // Money.
    (
        Strong,
        &[Kind::CREDIT_CARD],
        "creditcard creditcardnumber creditcardno ccnumber ccnum ccno cardnumber cardno cardnum cardpan pan primaryaccountnumber debitcard debitcardnumber paymentcard paymentcardnumber cc card_num \
         kreditkarte kreditkartennummer kartennummer kartennr numerocarte numerodecarte cartebancaire cartecredit cartedecredit numerocb tarjeta numerotarjeta numerodetarjeta tarjetacredito tarjetadecredito nrotarjeta \
         cartao numerocartao numerodocartao cartaocredito cartaodecredito carta numerocarta numerodicarta cartadicredito kaartnummer creditkaart creditcardnummer numerkarty kartakredytowa nrkarty kortnummer kortnr kreditkort luottokortti korttinumero kartno kartnumarasi kredikarti \
         nomorkartu kartukredit sothe bankkartyaszam cislokarty numarcard nomerkarty номеркарты カード番号 信用卡 信用卡号 卡号 카드번호",
    ),
    (Weak, &[Kind::CREDIT_CARD], "card cards creditcards number carte karte kort karta kaart paymentmethod"),
    (Strong, &[Kind::CARD_TRACK], "track track1 track2 trackdata magstripe magneticstripe swipedata track1data track2data"),
    (
        Strong,
        &[Kind::CVV],
        "cvv cvv2 cvc cvc2 csc cvn cvd cav cvvcode cvccode cardverification cardverificationcode cardverificationvalue cardverificationnumber securitycode cardsecuritycode verificationvalue cardcvv cardcvc cccvv cccvc ccv \
         prufziffer kartenprufnummer sicherheitscode codesecurite codedesecurite cryptogramme cryptogrammevisuel codigoseguridad codigodeseguridad codigoseguranca codigodeseguranca codicesicurezza codicedisicurezza beveiligingscode kodbezpieczenstwa sakerhetskod sikkerhetskode guvenlikkodu kodekeamanan",
    ),
    (Strong, &[Kind::IBAN], "iban ibannumber ibanno ibannr bankiban accountiban creditoriban debtoriban ibancode"),
    (
        Strong,
        &[Kind::BANK_ACCOUNT],
        "accountnumber accountno accountnum acctnumber acctno acctnum acctnbr acctnr bankaccount bankaccountnumber bankaccountno bankacct checkingaccount savingsaccount depositaccount beneficiaryaccount creditoraccount debtoraccount payeeaccount fromaccount toaccount sourceaccount destinationaccount accountnumbers \
         sortcodeaccount bsbaccount clabe cbu cvu kontonummer konto kontonr bankkonto bankverbindung compte numerocompte numerodecompte comptebancaire rib cuenta numerocuenta numerodecuenta cuentabancaria nrocuenta conta numeroconta numerodaconta contabancaria contacorrente contocorrente numeroconto numerodiconto \
         rekeningnummer bankrekening rekening numerkonta nrkonta kontobankowe rachunek rachunekbankowy numerrachunku nrb bankkontonummer bankgiro plusgiro tilinumero hesapno hesapnumarasi bankahesabi nomorrekening norek norekening sotaikhoan taikhoan szamlaszam bankszamlaszam cislouctu ucet contbancar nomerscheta raschetnyschet номерсчета расчетныйсчет 口座番号 银行账号 银行卡号 계좌번호 bankaccounts accountnumbr",
    ),
    (
        Strong,
        &[Kind::US_ABA],
        "aba abanumber abarouting abaroutingnumber routing routingnumber routingno routingnum routingcode routingtransit routingtransitnumber rtn bankrouting achrouting wirerouting",
    ),
    (
        Strong,
        &[Kind::SWIFT],
        "swift swiftcode swiftbic bic biccode bicswift bicnumber bankbic bankidentifiercode creditorbic debtorbic codeswift codeswiftbic codicebic codbic",
    ),
    (
        Strong,
        &[Kind::CRYPTO],
        "btc btcaddress bitcoin bitcoinaddress eth ethaddress ethereum ethereumaddress walletaddress wallet cryptowallet cryptoaddress cryptoaddr xmr usdt ltcaddress dogeaddress payoutwallet",
    ),
    // National numbers.
    (
        Strong,
        &[Kind::US_SSN],
        "ssn ssnumber ssnno ssn4 ssn9 ssnlast4 last4ssn socialsecurity socialsecurityno socialsecuritynumber socialsecuritynum socsec socsecno socialsec socialno ssns ussn patientssn employeessn seguridadsocial",
    ),
    (Strong, &[Kind::US_ITIN], "itin itinnumber individualtaxpayer individualtaxpayeridentificationnumber"),
    (Strong, &[Kind::CA_SIN], "sin sinnumber sinno socialinsurance socialinsurancenumber numeroassurancesociale "),
    (Strong, &[Kind::SE_PNR], "personnummer pnr persnr samordningsnummer"),
    (Strong, &[Kind::ZA_ID], "zaid saidnumber rsaid southafricanid identitynumber idnumberza"),
    (Strong, &[Kind::IN_AADHAAR], "aadhaar aadhar aadhaarno aadhaarnumber aadharnumber aadharno uidai adhar आधार"),
    (Strong, &[Kind::IN_PAN], "panno pannumber pancard pancardnumber permanentaccountnumber"),
    (Strong, &[Kind::UK_NHS], "nhs nhsno nhsnumber nhsnum nhsid"),
    (
        Strong,
        &[Kind::UK_NINO],
        "nino ninumber nino1 nationalinsurance nationalinsurancenumber nationalinsuranceno nationalinsuranceno1 nino_number",
    ),
    (Strong, &[Kind::AU_TFN], "tfn tfnumber taxfilenumber taxfileno tfnno"),
    (Strong, &[Kind::AU_MEDICARE], "medicareno medicarenumber medicarecard medicarecardnumber medicareau"),
    (Strong, &[Kind::NL_BSN], "bsn bsnnummer burgerservicenummer sofinummer sofi"),
    (Strong, &[Kind::BR_CPF], "cpf cpfnumber nrcpf numerocpf cpfcliente cpfcnpj cpftitular"),
    (Strong, &[Kind::BR_CNPJ], "cnpj numerocnpj nrcnpj"),
    (Strong, &[Kind::CN_RIC], "shenfenzheng shenfenzhenghao residentidentitycard chinaid 身份证 身份证号 身份证号码"),
    (Strong, &[Kind::KR_RRN], "rrn jumin juminbeonho juminno residentregistrationnumber residentregistrationno 주민등록번호"),
    (Strong, &[Kind::FR_NIR], "nir insee numeroinsee numerosecu numerosecuritesociale numerodesecuritesociale securitesociale nss numsecu"),
    (Strong, &[Kind::BE_NRN], "rijksregisternummer rijksregister insz niss numeronational registrenational numeroregistrenational nrn"),
    (Strong, &[Kind::DE_TAXID], "steuerid steueridnr steueridentifikationsnummer steuernummer idnr steuernr tin idnummer"),
    (Strong, &[Kind::ES_NIF], "nif dni dninif nifnie numerodni documentoidentidad cif nifcif documentonacional"),
    (Strong, &[Kind::ES_NIE], "nie numeronie"),
    (Strong, &[Kind::FI_HETU], "hetu henkilotunnus sotu"),
    (Strong, &[Kind::IT_CF], "codicefiscale codfiscale codfisc codicefisc"),
    (Strong, &[Kind::PL_PESEL], "pesel numerpesel nrpesel peselnumber"),
    (Strong, &[Kind::TR_TCKN], "tckn tckimlik tckimlikno kimlikno kimliknumarasi tcno tcnumarasi"),
    (Strong, &[Kind::MX_CURP], "curp clavecurp rfc"),
    (Strong, &[Kind::SG_NRIC], "nric nricno nricfin finno nricnumber"),
    (
        Strong,
        NATIONAL,
        "taxid taxids taxnumber taxno taxpayerid taxpayeridentificationnumber taxpayernumber nationalid nationalidnumber nationalidno nationalidentifier nationalidentity nationalinsuranceid nationalnumber govid govno govnumber governmentid governmentidnumber governmentno \
         identitycard identitycardno identitycardnumber identityno identitydocument personalid personalidnumber personalno personalnumber personalidentitynumber personalidentificationnumber citizenid citizennumber residentid socialid socialnumber fiscalcode fiscalid fiscalnumber idcard idcardno idcardnumber iddocument iddocumentno nationalregister civilid \
         ausweisnummer personalausweis ausweisnr persoausweis personalausweisnummer pieceidentite numeroidentite numeropieceidentite carteidentite cni numerofiscal documentoidentificacion numeroidentificacion cedula cedulaidentidad nit rut curprfc identificacion documento numerodocumento numerodedocumento docnumber docno documentnumber documentno nrodocumento \
         rg numerorg identidade documentoidentidade cartaidentita numerodocumentoidentita identiteitsnummer identiteitskaart dowod dowodosobisty numerdowodu nrdowodu legitimation personnr personid fodselsnummer fodselsnr cpr cprnr cprnummer kennitala ktp nik noktp nomorktp nonik npwp cmnd cccd socmnd socccd szemelyiszam szemelyiigazolvany taj tajszam adoazonosito rodnecislo cisloop obcanskyprukaz cnp seriebuletin jmbg oib emso egn inn snils инн снилс amka afm αμκα αφμ teudatzehut teudat mynumber kojinbango マイナンバー 個人番号 emiratesid iqama civilno umng national_id",
    ),
    // Health.
    (
        Strong,
        &[Kind::US_MBI],
        "mbi medicare medicareid medicarebeneficiary medicarebeneficiaryid medicarebeneficiaryidentifier hicn medicarembi beneficiaryid",
    ),
    (
        Strong,
        &[Kind::US_NPI],
        "npi npinumber npino npiid providernpi nationalprovideridentifier nationalproviderid renderingnpi billingnpi prescribernpi physiciannpi",
    ),
    (Strong, &[Kind::US_DEA], "dea deanumber deano dearegistration deareg prescriberdea"),
    (
        Strong,
        &[Kind::MRN],
        "mrn mrnno mrnnumber mrns medicalrecord medicalrecordno medicalrecordnum medicalrecordnumber medrec medrecno patientmrn hospitalno hospitalnumber chartno chartnumber patientno patientnumber patientnum patientidentifier healthrecordnumber unitnumber \
         patientennummer patientennr fallnummer krankenaktennummer numerodossier dossiermedical numerodossiermedical ipp historiaclinica numerohistoriaclinica nhc prontuario numeroprontuario cartellaclinica patientnummer dossiernummer numerpacjenta hastano protokolno norekammedis norm nomorrekammedis rekammedis insuranceid insurancenumber insuranceno memberno healthinsurancenumber healthinsuranceid healthplanid krankenversicherungsnummer versichertennummer kvnr versichertennr",
    ),
    (
        Strong,
        &[Kind::ICD10],
        "icd icd10 icd10code icdcode icdcodes icd10cm icd10codes diagnosis diagnoses diagnosiscode diagnosiscodes diagcode diagcodes dx dxcode dxcodes primarydx primarydiagnosis secondarydiagnosis admittingdiagnosis dischargediagnosis principaldiagnosis diag \
         diagnose diagnosen diagnoseschlussel diagnostic diagnostics codediagnostic codecim cim10 diagnostico diagnosticos codigodiagnostico cie10 codigocie cid10 codigocid diagnosi codicediagnosi diagnosecode diagnoza kodicd kodrozpoznania rozpoznanie diagnoskod diagnosekode diagnoosi tani tanikodu kodediagnosis diagnoz condition conditioncode diagnosticcode",
    ),
    (Weak, &[Kind::ICD10], "code codes problem problems conditions"),
    (
        Strong,
        &[Kind::MEDICATION],
        "medication medications medicine medicines drug drugs drugname medicationname medname meds med rx rxname prescription prescriptions prescribeddrug prescribedmedication currentmedication currentmedications treatment treatments therapy pharmaceutical activeingredient substance \
         medikament medikamente arzneimittel wirkstoff medicament medicaments traitement medicamento medicamentos farmaco farmaci medicinale medicinali remedio remedios medicijn medicijnen geneesmiddel lek leki lekarstwo lakemedel medisin laegemiddel laake laakkeet ilac ilaclar obat namaobat thuoc gyogyszer lekarstvo лекарство препарат 薬 药品",
    ),
    // Things.
    (
        Strong,
        &[Kind::VIN],
        "vin vins vinno vinnumber vincode vehicleid vehicleidentification vehicleidentificationnumber chassis chassisno chassisnumber fahrgestellnummer fin numerodechassis numerochasis bastidor numerobastidor telaio numerotelaio chassi numerochassi",
    ),
    (Strong, &[Kind::IMEI], "imei imei1 imei2 imeino imeinumber imeisv meid deviceimei handsetimei"),
    // Secrets.
    (
        Strong,
        &[Kind::PASSWORD],
        "password passwords passwd passwort pwd pass passw passphrase userpassword loginpassword dbpassword adminpassword rootpassword initialpassword temppassword temporarypassword oldpassword newpassword currentpassword plainpassword plaintextpassword passcode pin pincode pinnumber atmpin cardpin secretanswer securityanswer secretquestionanswer \
         kennwort motdepasse mdp contrasena clave contrasenya senha senhas parola parolachiave wachtwoord haslo losenord passord adgangskode salasana sifre katasandi sandi matkhau jelszo heslo lozinka geslo parol пароль contrasinal paswoord パスワード 密码 비밀번호 암호 كلمةالمرور סיסמה",
    ),
    (
        Strong,
        &[Kind::PASSWORD_HASH],
        "passwordhash passwordhashes passwdhash pwdhash pwhash passhash hashedpassword hashpassword encryptedpassword passworddigest passwordencrypted passwordcrypt cryptedpassword passwordverifier scramverifier rolpassword passwordsalt passhashed",
    ),
    (
        Strong,
        &[Kind::API_KEY],
        "apikey apikeys apitoken apisecret apisecretkey appkey appsecret appsecretkey applicationkey clientsecret consumersecret consumerkey secretkey secret secrets secretvalue secrettoken masterkey servicekey servicetoken signingkey signingsecret webhooksecret encryptionkey privatekey sharedsecret sharedkey accountkey storagekey subscriptionkey licensekey integrationkey integrationtoken deploykey deploytoken registrytoken pat personalaccesstoken credential credentials creds authkey accesskey keysecret xapikey apitokens keyvalue hmackey hmacsecret jwtsecret cookiesecret oauthsecret cleapi claveapi chaveapi chiaveapi schluessel cle_api bottoken serverkey datadogkey stripekey",
    ),
    (
        Strong,
        &[Kind::BEARER],
        "bearer bearertoken accesstoken authtoken authorization authorizationtoken refreshtoken idtoken oauthtoken oauthaccesstoken token tokens jwttoken jwt usertoken logintoken xauthtoken xtoken sso ssotoken samltoken verificationtoken confirmationtoken resettoken passwordresettoken invitetoken invitationtoken magiclinktoken csrftoken devicetoken pushtoken fcmtoken apnstoken unsubscribetoken remembertoken",
    ),
    (
        Strong,
        &[Kind::SESSION_ID],
        "sessionid sessid sessionkey sessiontoken session sid phpsessid jsessionid aspnetsessionid connectsid cookie cookies setcookie sessioncookie sitzungsid sesionid idsession idsesion sessiondata sessions",
    ),
    (
        Strong,
        &[Kind::TOTP_SECRET],
        "totp totpsecret totpkey totpseed otp otpsecret otpkey otpseed otpcode mfasecret mfakey mfaseed twofactorsecret twofasecret tfasecret 2fa 2fasecret authenticatorsecret authenticatorkey googleauthenticator gasecret hotpsecret backupcode backupcodes recoverycode recoverycodes onetimepassword smscode mfacode",
    ),
    (Strong, &[Kind::AWS_SECRET], "awssecret awssecretkey awssecretaccesskey secretaccesskey s3secret s3secretkey"),
    (Strong, &[Kind::AWS_KEY_ID], "awskey awskeyid awsaccesskey awsaccesskeyid accesskeyid s3accesskey s3key"),
    (Weak, &[Kind::API_KEY], "key keys auth"),
];

/// Numbers that a state gives: whose checksums tell them, and those that have none.
pub const NATIONAL: &[Kind] = &[
    Kind::US_SSN,
    Kind::US_ITIN,
    Kind::CA_SIN,
    Kind::SE_PNR,
    Kind::ZA_ID,
    Kind::IN_AADHAAR,
    Kind::IN_PAN,
    Kind::UK_NHS,
    Kind::UK_NINO,
    Kind::AU_TFN,
    Kind::AU_MEDICARE,
    Kind::NL_BSN,
    Kind::BR_CPF,
    Kind::BR_CNPJ,
    Kind::CN_RIC,
    Kind::KR_RRN,
    Kind::FR_NIR,
    Kind::BE_NRN,
    Kind::DE_TAXID,
    Kind::ES_NIF,
    Kind::ES_NIE,
    Kind::FI_HETU,
    Kind::IT_CF,
    Kind::PL_PESEL,
    Kind::TR_TCKN,
    Kind::MX_CURP,
    Kind::SG_NRIC,
    Kind::US_MBI,
];

/// Words that make a name speak of something about the value instead of the value: `password_status`, `email_verified`, `phone_type`.
pub(super) const ABOUT: &str = "status state type types kind count counts total totals flag flags enabled disabled required optional verified verification confirmed confirmation valid validated validity \
    invalid at date time timestamp ts datetime updated changed created expired expires expiry expiration exp expire changedat updatedat createdat lastchanged age format length len size policy policies hint hints reset resets allowed allow \
    collected consent optin optout optedin optedout subscribed unsubscribed bounced sent opened clicked delivered preference preferences pref prefs setting settings template templates subject body category class \
    level version brand issuer scheme network country region carrier provider source method strategy mode algorithm algo rounds iterations attempts tries retries failures failed locked strength score rank rating index idx \
    present exists missing available visible hidden public private primary default active inactive deleted archived domain domains tld host url uri link href icon image img avatar color language locale lang prefix suffix \
    hash checksum digest fingerprint sha256 md5 mask masked redacted encrypted tokenized label labels name names description desc note notes comment comments title id ids uuid guid ref reference fk pk pos position order \
    limit quota budget weight price cost amount balance currency fee rate percent ratio min max avg sum median enabledat verifiedat confirmedat usage used uses last4 bin expmonth expyear month year day zone timezone tz offset \
    owner group groups role roles scope scopes permission permissions table column field schema query sql tier plan step stage phase result results response code error errors message log logs history \
    geprueft bestatigt verifie confirme verificado confirmado verificato confermato geverifieerd zweryfikowany bekraftad dogrulandi typ tipo tipus anzahl nombrede numerode estado stato statut";

/// Words before it that do the same: `is_email`, `has_phone`, `num_cards`.
pub(super) const ABOUT_BEFORE: &str = "is has have had can may should must needs need require requires no not num count total max min avg n nof numberof allow allows enable enables disable show hide use uses requires supports accept accepts send sends last next prev previous min hash hashed sha sha256 md5 est ist hat tiene tem";

/// Things that have names, and are no persons: `product_name`, `file_name`, `host_name`.
pub(super) const THINGS: &str = "product products prod item items sku article articles catalog catalogue inventory goods part parts material materials asset assets service services plan plans package packages bundle offer offers deal deals menu dish recipe ingredient brand brands manufacturer maker vendor vendors supplier suppliers merchant merchants \
    company companies business businesses organization organizations organisation organisations org orgs firm corp corporation enterprise institution institutions agency department departments dept team teams division unit units group groups branch branches office offices store stores shop shops warehouse warehouses restaurant hotel hotels school schools university college hospital hospitals clinic clinics pharmacy bank banks airline airport station venue building room floor \
    file files filename folder directory dir path document documents doc docs attachment attachments image images photo picture video videos audio song songs track tracks album albums playlist movie movies film films show shows episode game games book books magazine chapter \
    host hosts hostname server servers machine node nodes cluster clusters pod pods container containers image images volume volumes network networks subnet vpc zone zones region regions bucket buckets domain domains site sites website page pages url link endpoint endpoints route routes api apis app apps application applications module modules package library lib plugin plugins extension extensions feature features flag flags \
    db database databases schema schemas table tables column columns col field fields index indexes constraint view views function functions func procedure proc method class classes type types enum trigger sequence tablespace namespace attribute attributes property properties prop param parameter params variable var key keys tag tags label labels category categories cat genre topic topics keyword subject subjects theme template templates form forms \
    country countries state states province provinces county city cities town district region place places location locations area territory street currency language languages lang locale timezone continent planet \
    event events campaign campaigns project projects task tasks job jobs queue queues stream streams channel channels workflow pipeline pipelines process build builds release releases repo repos repository branch commit version environment env stage step rule rules policy policies role roles permission permissions scope scopes grant metric metrics alert alerts dashboard report reports chart widget counter gauge measure unit sensor sensors device devices model models firmware vehicle vehicles car cars make color colour size shape font icon style layout \
    course courses class lesson exam test tests quiz question survey program degree major skill skills position job title level grade rank status reason source medium referrer protocol algorithm cipher codec format extension species animal pet breed plant drug disease condition symptom procedure treatment team league tournament match sport stadium currency stock ticker exchange fund portfolio index bond security contract contracts license policy plan tax fee charge payment method gateway processor \
    produkt artikel firma unternehmen datei verein abteilung stadt land kategorie marke produit entreprise societe fichier ville pays marque categorie empresa producto archivo ciudad pais marca categoria produto ficheiro arquivo cidade azienda prodotto citta paese bedrijf bestand stad plaats produktu miasto kraj foretag fil ort urun sirket sehir ulke produk perusahaan kota negara display short long common generic scientific internal external technical system";

/// Those whose tables and objects are of persons: a `name` there is a person's.
pub(super) const PERSONS: &str = "user users customer customers client clients patient patients employee employees staff person persons people member members contact contacts guest guests student students pupil pupils teacher teachers doctor doctors physician physicians nurse nurses candidate candidates applicant applicants \
    subscriber subscribers attendee attendees participant participants passenger passengers traveler travelers traveller driver drivers tenant tenants landlord resident residents voter voters donor donors volunteer volunteers lead leads buyer buyers seller sellers payer payee recipient recipients sender author authors profile profiles holder holders cardholder cardholders owner owners beneficiary beneficiaries dependent dependents spouse parent parents child children relative relatives kin household friend friends \
    kunde kunden mitarbeiter personen patienten nutzer benutzer mitglied mitglieder schuler personne personnes employe employes utilisateur utilisateurs membre membres cliente clientes empleado empleados usuario usuarios paciente pacientes persona personas pessoa pessoas funcionario funcionarios clienti dipendenti utenti pazienti klant klanten medewerker medewerkers klient klienci pracownik pracownicy pacjent pacjenci uzytkownicy kund kunder anstallda asiakas asiakkaat musteri musteriler calisanlar hastalar kullanicilar pelanggan karyawan pasien pengguna hr crm borrower borrowers insured claimant claimants victim suspect suspects defendant witness inmate caller callers visitor visitors player players athlete artist artists";

/// Words between a label and its value that say nothing: `NHS no. 123`, `passport number is`.
pub(super) const FILLERS: &str = "no nr num number numbers nummer numero numer n id is was are the of for on in to am le la el il der die das den ist war es est era e um em del ref code value eq as at issued il il nee a my your his her their our new on file ending card";
