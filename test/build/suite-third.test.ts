import { testSuite } from "./suite.ts";

testSuite(2, 3, "10.210.0.1/16");
