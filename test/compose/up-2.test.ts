import { checkProjects } from "./check-projects.ts";
import { projectNames } from "./tools.ts";

checkProjects(projectNames.slice(5, 10), "10.222.0.1/16");
