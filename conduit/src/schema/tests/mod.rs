mod generate;
mod limits;
mod properties;
mod published;
mod reports;
pub(crate) mod shapes;
