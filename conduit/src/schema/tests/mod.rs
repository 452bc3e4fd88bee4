mod limits;
mod published;
mod reports;
mod shapes;
