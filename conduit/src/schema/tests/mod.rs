mod generate;
mod limits;
mod properties;
mod published;
mod reports;
mod shapes;
