/// Of this program.
let gatehouseVersion = "0.1.0"
