#[derive(Debug, Default)]
pub struct Faults;
impl Faults {
    pub fn before(&self, _: &str) -> std::io::Result<()> {
        Ok(())
    }
    pub fn after(&self, _: &str) -> std::io::Result<()> {
        Ok(())
    }
}
