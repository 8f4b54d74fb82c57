import { checkProjects } from "./check-projects.ts";
import { projectNames } from "./tools.ts";

checkProjects(projectNames.slice(15), "10.224.0.1/16");
