import { Fragment, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.jsx";

const Mode = location.search === "?loose" ? Fragment : StrictMode;

createRoot(document.getElementById("root")).render(
  <Mode>
    <App />
  </Mode>,
);
