import { testSuite } from "./suite.ts";

testSuite(0, 3, "10.212.0.1/16");
