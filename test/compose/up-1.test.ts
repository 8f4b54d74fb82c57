import { checkProjects } from "./check-projects.ts";
import { projectNames } from "./tools.ts";

checkProjects(projectNames.slice(0, 5), "10.221.0.1/16");
