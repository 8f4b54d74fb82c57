import { testSuite } from "./suite.ts";

testSuite(1, 3, "10.211.0.1/16");
