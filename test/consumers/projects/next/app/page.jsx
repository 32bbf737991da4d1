import { Chart } from "./chart.jsx";

export default function Page() {
  return <Chart />;
}
