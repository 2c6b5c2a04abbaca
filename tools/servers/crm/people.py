"""Names, places and telephone ranges that the sample customers are made of.

Telephone numbers come from ranges that each country keeps for fiction; where there is none, a
customer has no telephone number.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What a customer of one country is made of."""

    code: str
    name: str
    currency: str
    weight: int
    """Share of the customers, relative to the other countries."""
    phone: str | None
    """Pattern of a number reserved for fiction; each # becomes a digit."""
    legal_form: str
    women: str
    men: str
    surnames: str
    cities: str


COUNTRIES = (
    Country(
        code="US",
        name="United States",
        currency="USD",
        weight=18,
        phone="+1 202 555 01##",
        legal_form="Inc.",
        women="Abigail Danielle Harper Keisha Latoya Megan Naomi Ruth Sierra Valerie",
        men="Andre Caleb Desmond Ethan Gregory Jamal Marcus Nathan Trevor Wesley",
        surnames="Bennett Carver Delgado Ellison Freeman Hayes Jefferson Kowalski Langley Mercer "
        "Okafor Pruitt Ramirez Sutton Whitaker",
        cities="Austin Boise Columbus Denver Portland Raleigh",
    ),
    Country(
        code="GB",
        name="United Kingdom",
        currency="GBP",
        weight=14,
        phone="+44 20 7946 0###",
        legal_form="Ltd",
        women="Alice Bronwen Charlotte Fiona Gemma Isla Nadia Poppy Rosalind Zara",
        men="Alistair Callum Dylan Edmund Gareth Hamish Imran Julian Owen Rupert",
        surnames="Ashworth Blackwood Chowdhury Davies Entwistle Fairbairn Gallacher Hussain "
        "Kingsley Lockwood MacLeod Pemberton Rowntree Thackeray",
        cities="Bristol Cardiff Edinburgh Leeds London Norwich",
    ),
    Country(
        code="DE",
        name="Germany",
        currency="EUR",
        weight=14,
        phone="+49 30 23125 ###",
        legal_form="GmbH",
        women="Anja Birgit Claudia Friederike Heike Jule Katrin Leyla Svenja Ursula",
        men="Bastian Detlef Emre Florian Holger Jonas Lorenz Matthias Rüdiger Torsten",
        surnames="Albrecht Böhm Dietrich Engel Fuchs Günther Hartmann Jäger Kessler Lindner "
        "Möller Neumann Schäfer Vogel Yıldız",
        cities="Berlin Bremen Dresden Freiburg Hamburg Nürnberg",
    ),
    Country(
        code="FR",
        name="France",
        currency="EUR",
        weight=10,
        phone="+33 1 99 00 ## ##",
        legal_form="SARL",
        women="Amélie Clémence Delphine Élodie Inès Juliette Margaux Océane Solène Yasmine",
        men="Antoine Baptiste Cédric Étienne Guillaume Hugo Mathieu Olivier Rémi Youssef",
        surnames="Aubert Benali Chevalier Delacroix Fontaine Garnier Lambert Marchand Noël "
        "Perrin Rousseau Sauvage Tessier",
        cities="Bordeaux Grenoble Lille Lyon Nantes Paris",
    ),
    Country(
        code="SE",
        name="Sweden",
        currency="SEK",
        weight=8,
        phone="+46 8 465 004 ##",
        legal_form="AB",
        women="Agneta Ebba Freja Greta Ingrid Linnéa Maja Saga Tove Åsa",
        men="Anders Björn Elias Filip Gustav Henrik Lars Mikael Oskar Viktor",
        surnames="Andersson Bergström Dahl Ekman Forsberg Hedlund Lindqvist Nyberg Sandberg "
        "Wallin Öberg",
        cities="Gothenburg Lund Malmö Stockholm Umeå Uppsala",
    ),
    Country(
        code="AU",
        name="Australia",
        currency="AUD",
        weight=7,
        phone="+61 2 5550 ####",
        legal_form="Pty Ltd",
        women="Bridget Chloe Georgia Kirra Lucinda Matilda Priya Skye Tahlia",
        men="Angus Blake Cooper Darcy Flynn Harvey Lachlan Mitchell Ravi",
        surnames="Barlow Campbell Doyle Fitzgerald Harcourt Jacobs Nguyen O'Brien Paterson "
        "Singh Walsh Yates",
        cities="Adelaide Brisbane Hobart Melbourne Perth Sydney",
    ),
    Country(
        code="CA",
        name="Canada",
        currency="CAD",
        weight=7,
        phone="+1 613 555 01##",
        legal_form="Inc.",
        women="Ariane Brooke Camille Dawn Geneviève Kayla Maude Paige Sabrina",
        men="Brett Cody Dominic Félix Jérôme Liam Noel Spencer Tyler",
        surnames="Arsenault Bouchard Cardinal Desjardins Fraser Gagnon Leblanc MacKinnon "
        "Pelletier Tremblay Wong",
        cities="Calgary Halifax Montréal Ottawa Québec Victoria",
    ),
    Country(
        code="IE",
        name="Ireland",
        currency="EUR",
        weight=4,
        phone="+353 20 912 ####",
        legal_form="DAC",
        women="Aoife Bríd Ciara Deirdre Gráinne Niamh Orla Sinéad",
        men="Cian Declan Eoin Fergus Killian Oisín Pádraig Ronan",
        surnames="Brennan Cassidy Donnelly Egan Flanagan Kavanagh McGrath Nolan Quinn Sheehan",
        cities="Cork Dublin Galway Limerick Sligo Waterford",
    ),
    Country(
        code="NL",
        name="Netherlands",
        currency="EUR",
        weight=6,
        phone=None,
        legal_form="B.V.",
        women="Anouk Femke Hanneke Jolijn Lotte Marloes Noor Sanne",
        men="Bram Diederik Gijs Joost Koen Maarten Ruben Sjoerd",
        surnames="Bakker Brouwer Dekker Hoekstra Janssen Kuipers Meijer Postma Visser Willems",
        cities="Amsterdam Delft Eindhoven Groningen Rotterdam Utrecht",
    ),
    Country(
        code="ES",
        name="Spain",
        currency="EUR",
        weight=5,
        phone=None,
        legal_form="S.L.",
        women="Alba Carmen Elena Inmaculada Lucía Marisol Nuria Rocío",
        men="Álvaro Diego Emilio Gonzalo Iñaki Javier Pablo Rodrigo",
        surnames="Aguirre Cabrera Domínguez Ferrer Herrero Ibáñez Lozano Molina Núñez Serrano",
        cities="Barcelona Bilbao Madrid Málaga Sevilla Valencia",
    ),
    Country(
        code="IT",
        name="Italy",
        currency="EUR",
        weight=5,
        phone=None,
        legal_form="S.r.l.",
        women="Bianca Chiara Federica Giulia Ilaria Martina Ornella Silvia",
        men="Alessio Davide Enrico Fabio Giacomo Leonardo Nicola Stefano",
        surnames="Barbieri Colombo Ferraro Gallo Lombardi Marchetti Pellegrini Ricci Santoro "
        "Vitale",
        cities="Bologna Firenze Genova Milano Torino Verona",
    ),
    Country(
        code="PL",
        name="Poland",
        currency="PLN",
        weight=4,
        phone=None,
        legal_form="sp. z o.o.",
        women="Agnieszka Beata Dorota Ewelina Justyna Małgorzata Zofia",
        men="Bartosz Dariusz Grzegorz Jakub Łukasz Marek Wojciech",
        surnames="Adamczyk Dudek Jankowski Kaczmarek Mazur Nowak Pawlak Sikora Wójcik Zając",
        cities="Gdańsk Kraków Łódź Poznań Warszawa Wrocław",
    ),
    Country(
        code="IN",
        name="India",
        currency="INR",
        weight=5,
        phone=None,
        legal_form="Pvt. Ltd.",
        women="Aditi Deepika Kavya Lakshmi Meera Nandini Shreya Tanvi",
        men="Aditya Harish Karthik Manish Nikhil Rohan Suresh Vivek",
        surnames="Banerjee Chatterjee Desai Gupta Iyer Joshi Kulkarni Menon Patel Reddy Sharma",
        cities="Bengaluru Chennai Hyderabad Kochi Mumbai Pune",
    ),
    Country(
        code="NG",
        name="Nigeria",
        currency="USD",
        weight=3,
        phone=None,
        legal_form="Ltd",
        women="Adaeze Amara Bolanle Chioma Folake Halima Ngozi Yetunde",
        men="Babatunde Chidi Emeka Ibrahim Kunle Obinna Segun Tunde",
        surnames="Adeyemi Balogun Eze Ibekwe Lawal Nwosu Obi Okonkwo Oyelaran Yusuf",
        cities="Abuja Enugu Ibadan Kano Lagos",
    ),
)

COMPANY_FIRST = (
    "Aldergate Birchwood Brightwater Cedarline Cinderhill Copperfield Driftwood Eastgate Elmhurst "
    "Fairhaven Ferncliff Greystone Harbourside Hawksmoor Ironbridge Juniper Kingfisher Larkspur "
    "Lowland Maplecrest Millbrook Northwind Oakhollow Pinecrest Quayside Redbrick Riverbend "
    "Saltmarsh Silverleaf Stonebridge Thornbury Tidewater Underhill Westbourne Willowmere Yarrow"
)

COMPANY_SECOND = (
    "Analytics Architects Bakery Books Ceramics Clinics Consulting Design Dental Education Energy "
    "Events Fisheries Foods Gardens Interiors Labs Legal Logistics Media Optics Pharmacy Robotics "
    "Software Studios Textiles Travel Veterinary"
)
