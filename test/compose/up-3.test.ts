import { checkProjects } from "./check-projects.ts";
import { projectNames } from "./tools.ts";

checkProjects(projectNames.slice(10, 15), "10.223.0.1/16");
